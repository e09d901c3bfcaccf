import { createHash } from "node:crypto";
import { join } from "node:path";

/** Inside a namespace every network uses the same names. Not "br": iproute2 takes that for "broadcast". */
export const bridgeName = "bridge0";
export const uplinkName = "uplink0";
export const overlayName = "overlay0";

/** The host's side of each uplink; the host's rules know guests by it. */
export const hostUplinkPattern = "snu*";

export const networkIdPattern = /^net-([a-z0-9]{12})$/;

/** Names of a network on the host's side: 15 characters are all that the kernel allows. */
export function hostNames(id: string): { uplink: string; bridge: string; vlan: string; table: string } {
  const suffix = networkIdPattern.exec(id)?.[1];
  if (suffix === undefined) throw new Error(`${id} is no id of a network`);
  return { uplink: `snu${suffix}`, bridge: `snb${suffix}`, vlan: `snv${suffix}`, table: `serai_${suffix}` };
}

/** The tap of a NIC and the interface that its own traffic is shaped on. Unique within the network's namespace. */
export function nicNames(vm: string, nic: string): { tap: string; shaper: string } {
  const digest = createHash("sha256").update(`${vm}/${nic}`).digest("hex").slice(0, 12);
  return { tap: `t-${digest}`, shaper: `i-${digest}` };
}

/** A MAC address that belongs to the network's gateway on every host: guests keep it when they move. */
export function gatewayMac(id: string): string {
  const digest = createHash("sha256").update(id).digest("hex");
  return ["52", ...(digest.slice(0, 10).match(/../g) ?? [])].join(":");
}

export type NetworkPaths = {
  directory: string;
  namespace: string;
  record: string;
  /** Readable by dnsmasq's own user. */
  service: string;
  config: string;
  reservations: string;
  hosts: string;
  leases: string;
  log: string;
};

export function networkPaths(stateDirectory: string, id: string): NetworkPaths {
  if (!networkIdPattern.test(id)) throw new Error(`${id} is no id of a network`);
  const directory = join(stateDirectory, id);
  const service = join(directory, "dnsmasq");
  return {
    directory,
    namespace: join(directory, "namespace"),
    record: join(directory, "network.json"),
    service,
    config: join(service, "dnsmasq.conf"),
    reservations: join(service, "reservations"),
    hosts: join(service, "hosts"),
    leases: join(service, "leases"),
    log: join(service, "dnsmasq.log"),
  };
}
