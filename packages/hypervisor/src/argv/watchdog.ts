import { device } from "./options.ts";
import { pciSlots } from "./pci-slots.ts";

export function watchdogArgv(): string[] {
  return device({ driver: "i6300esb", id: "watchdog", bus: "pcie.0", addr: pciSlots.watchdog });
}
