import { device, object } from "./options.ts";
import { pciSlots } from "./pci-slots.ts";

export function rngArgv(): string[] {
  return [
    ...object({ "qom-type": "rng-builtin", id: "random" }),
    ...device({ driver: "virtio-rng-pci", id: "rng", rng: "random", bus: "pcie.0", addr: pciSlots.rng }),
  ];
}
