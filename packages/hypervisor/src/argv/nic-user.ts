import type { CompleteNic } from "@serai/model/vm-spec";
import { device, netdev } from "./options.ts";
import { pciSlots } from "./pci-slots.ts";

/**
 * User-mode NAT. Forwards listen on the host's loopback only.
 *
 * Known limit: QEMU has no switch for slirp's alias 10.0.2.2 of the host's loopback, so the guest reaches what listens
 * on 127.0.0.1. IPv6, which would open ::1 too, is off. A namespace of its own for QEMU is the cure.
 */
export function userNicArgv(nic: CompleteNic, index: number): string[] {
  const id = `net-${nic.name}`;
  return [
    ...netdev({
      type: "user",
      id,
      ipv6: false,
      hostfwd: nic.forwards.map(({ protocol, hostPort, guestPort }) => ({
        str: `${protocol}:127.0.0.1:${hostPort}-:${guestPort}`,
      })),
    }),
    ...device({
      driver: nic.model === "virtio" ? "virtio-net-pci" : "e1000e",
      id: nic.name,
      netdev: id,
      mac: nic.mac,
      romfile: "", // nothing boots from the user-mode network, and looking there costs a second
      bus: "pcie.0",
      addr: pciSlots.nic(index),
    }),
  ];
}
