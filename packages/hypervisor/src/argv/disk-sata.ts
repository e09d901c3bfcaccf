import { Fault } from "@serai/kit/fault";
import { diskNode } from "./disk-node.ts";
import type { DiskDeviceInput } from "./disk-virtio-blk.ts";
import { device } from "./options.ts";

/** `port` counts the SATA disks only: the chipset's controller has six. */
export function sataArgv({ name, index, isReadOnly, port }: DiskDeviceInput & { port: number }): string[] {
  if (port > 5)
    throw new Fault("vm.spec_invalid", "A VM has six SATA ports; use virtio-scsi for further disks.");
  return device({
    driver: isReadOnly ? "ide-cd" : "ide-hd",
    id: name,
    drive: diskNode(name),
    serial: name,
    bootindex: index + 1,
    bus: `ide.${port}`,
  });
}
