import { commaOption, device } from "./options.ts";
import { pciSlots } from "./pci-slots.ts";

/** The id that VSERPORT_CHANGE names. */
export const agentPort = "agent";

/** In every VM, because the other functions of its slot need it. */
export function vserialArgv(): string[] {
  return device({
    driver: "virtio-serial-pci",
    id: "vserial",
    bus: "pcie.0",
    addr: pciSlots.vserial,
    multifunction: true,
  });
}

export function agentArgv(socket: string): string[] {
  return [
    "-chardev",
    commaOption("socket", { id: "agent", path: socket, server: "on", wait: "off" }),
    ...device({
      driver: "virtserialport",
      id: agentPort,
      bus: "vserial.0",
      chardev: "agent",
      name: "org.qemu.guest_agent.0",
    }),
  ];
}
