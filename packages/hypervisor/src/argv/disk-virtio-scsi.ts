import { diskNode } from "./disk-node.ts";
import type { DiskDeviceInput } from "./disk-virtio-blk.ts";
import { device } from "./options.ts";
import { pciSlots } from "./pci-slots.ts";

export function scsiControllerArgv(): string[] {
  return device({ driver: "virtio-scsi-pci", id: "scsi", bus: "pcie.0", addr: pciSlots.scsi });
}

/** A read-only one is a CD-ROM: what it holds is an installation medium. */
export function virtioScsiArgv({ name, index, isReadOnly }: DiskDeviceInput): string[] {
  return device({
    driver: isReadOnly ? "scsi-cd" : "scsi-hd",
    id: name,
    drive: diskNode(name),
    serial: name,
    bootindex: index + 1,
    bus: "scsi.0",
    "scsi-id": index,
    lun: 0,
  });
}
