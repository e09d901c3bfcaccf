import type { CompleteNic } from "@serai/model/vm-spec";
import { device, netdev } from "./options.ts";
import { pciSlots } from "./pci-slots.ts";

/** A tap that QEMU inherits open: it may open none itself. */
export type TapEnd = { fd: number; mtu: number };

/** A NIC on a network of the host's. Without vhost, whose device QEMU may not open either. */
export function tapNicArgv(nic: CompleteNic, index: number, { fd, mtu }: TapEnd): string[] {
  const id = `net-${nic.name}`;
  const isVirtio = nic.model === "virtio";
  return [
    ...netdev({ type: "tap", id, fd: String(fd), vhost: false }),
    ...device({
      driver: isVirtio ? "virtio-net-pci" : "e1000e",
      id: nic.name,
      netdev: id,
      mac: nic.mac,
      ...(isVirtio && { host_mtu: mtu }),
      romfile: "", // nothing boots from the network, and looking there costs a second
      bus: "pcie.0",
      addr: pciSlots.nic(index),
    }),
  ];
}
