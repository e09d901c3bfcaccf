import { Fault } from "@serai/kit/fault";
import { diskNode } from "./disk-node.ts";
import type { DiskDeviceInput } from "./disk-virtio-blk.ts";
import { device } from "./options.ts";
import { pciSlots } from "./pci-slots.ts";

export function nvmeArgv({ name, index, isReadOnly }: DiskDeviceInput): string[] {
  if (isReadOnly)
    throw new Fault("vm.spec_invalid", `Disk ${name} is read-only, which nvme cannot be; use virtio-blk.`);
  return device({
    driver: "nvme",
    id: name,
    drive: diskNode(name),
    serial: name,
    bootindex: index + 1,
    bus: "pcie.0",
    addr: pciSlots.disk(index),
  });
}
