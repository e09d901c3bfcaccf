import { device } from "./options.ts";
import { pciSlots } from "./pci-slots.ts";

/** How a guest's kernel tells that it panicked. */
export function pvpanicArgv(): string[] {
  return device({ driver: "pvpanic-pci", id: "pvpanic", bus: "pcie.0", addr: pciSlots.pvpanic });
}
