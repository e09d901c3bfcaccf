import { commaOption, device } from "./options.ts";
import { pciSlots } from "./pci-slots.ts";

export const noDisplayArgv: readonly string[] = ["-display", "none"];

/** A VGA screen, shown by VNC on a private socket to any number of viewers; the tablet keeps the pointers together. */
export function displayArgv(vncSocket: string): string[] {
  return [
    ...noDisplayArgv,
    "-vnc",
    commaOption(`unix:${vncSocket}`, { share: "force-shared" }),
    ...device({ driver: "VGA", id: "screen", bus: "pcie.0", addr: pciSlots.display }),
    ...device({ driver: "qemu-xhci", id: "usb", bus: "pcie.0", addr: pciSlots.usb }),
    ...device({ driver: "usb-tablet", id: "tablet", bus: "usb.0" }),
  ];
}
