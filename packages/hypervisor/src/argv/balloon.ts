import { device } from "./options.ts";
import { pciSlots } from "./pci-slots.ts";

export const balloonDevice = "balloon";

/** Hands freed pages back by itself, and gives memory back to a guest that would run out. */
export function balloonArgv(): string[] {
  return device({
    driver: "virtio-balloon-pci",
    id: balloonDevice,
    "deflate-on-oom": true,
    "free-page-reporting": true,
    bus: "pcie.0",
    addr: pciSlots.balloon,
  });
}
