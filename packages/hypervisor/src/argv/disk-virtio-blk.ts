import { diskNode } from "./disk-node.ts";
import { device } from "./options.ts";
import { pciSlots } from "./pci-slots.ts";

export type DiskDeviceInput = { name: string; index: number; isReadOnly: boolean };

export function virtioBlkArgv({ name, index }: DiskDeviceInput): string[] {
  return device({
    driver: "virtio-blk-pci",
    id: name,
    drive: diskNode(name),
    serial: name,
    bootindex: index + 1,
    bus: "pcie.0",
    addr: pciSlots.disk(index),
  });
}
