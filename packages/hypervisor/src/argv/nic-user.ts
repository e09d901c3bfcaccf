import type { CompleteNic } from "@serai/model/vm-spec";
import { device, netdev } from "./options.ts";
import { pciSlots } from "./pci-slots.ts";

/** User-mode NAT: by passt, when QEMU has a descriptor that leads to one, else by QEMU itself. */
export function userNicArgv(nic: CompleteNic, index: number, descriptor?: number): string[] {
  const id = `net-${nic.name}`;
  return [
    ...(descriptor === undefined
      ? slirp(id, nic)
      : netdev({ type: "stream", id, server: false, addr: { type: "fd", str: String(descriptor) } })),
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

/**
 * Forwards listen on the host's loopback only.
 *
 * Known limit: QEMU has no switch for slirp's alias 10.0.2.2 of the host's loopback, so the guest reaches what listens
 * on 127.0.0.1. IPv6, which would open ::1 too, is off.
 */
function slirp(id: string, { forwards }: CompleteNic): string[] {
  return netdev({
    type: "user",
    id,
    ipv6: false,
    hostfwd: forwards.map(({ protocol, hostPort, guestPort }) => ({
      str: `${protocol}:127.0.0.1:${hostPort}-:${guestPort}`,
    })),
  });
}
