import { networkFault, subnetOf } from "./complete-network-spec.ts";
import { contains, lastOf, overlap, parseAddress, parseCidr, type Cidr } from "./ip-address.ts";
import type { CompleteNetworkSpec } from "./network.ts";
import type { SecurityGroupSpec } from "./security-group.ts";

export type NetworkWorld = {
  /** The name of another network that forwards this host port, if one does. */
  portOwner: (protocol: "tcp" | "udp", hostPort: number) => string | undefined;
};

/** Subnets that a network cannot have: their addresses mean something else to every machine. */
const reserved = ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "198.18.0.0/15", "224.0.0.0/3"];
const reserved6 = ["::/96", "fe80::/10", "ff00::/8", "fd5e:7261:6900::/48"];

/** Throws `network.spec_invalid` with what to do when a complete spec breaks a rule that no schema can express. */
export function checkNetwork(spec: CompleteNetworkSpec, world: NetworkWorld): void {
  checkKind(spec);
  if (spec.ipv4 !== undefined) checkIpv4(spec.ipv4);
  if (spec.ipv6 !== undefined)
    checkReserved("ipv6.prefix", subnetOf(spec.ipv6.prefix, "ipv6.prefix"), reserved6);
  checkLeases(spec);
  checkForwards(spec, world);
}

/** Throws `network.spec_invalid` when a rule of the group cannot be meant. */
export function checkSecurityGroup(group: SecurityGroupSpec): void {
  group.rules.forEach((rule, index) => {
    const field = `rules.${index}`;
    if (rule.ports !== undefined) {
      if (rule.protocol !== "tcp" && rule.protocol !== "udp") {
        throw networkFault(
          `${field}.ports`,
          `Only tcp and udp have ports: leave them out for ${rule.protocol}.`,
        );
      }
      if ((rule.ports.last ?? rule.ports.first) < rule.ports.first) {
        throw networkFault(`${field}.ports`, `The ports end before they begin: swap first and last.`);
      }
    }
    if (typeof rule.peer === "object" && "cidr" in rule.peer && parseCidr(rule.peer.cidr) === undefined) {
      throw networkFault(
        `${field}.peer.cidr`,
        `${rule.peer.cidr} is not a subnet: for one address give /32 or /128.`,
      );
    }
  });
}

function checkKind(spec: CompleteNetworkSpec): void {
  const { kind } = spec;
  const isOwn = kind === "nat" || kind === "isolated";
  if (kind === "nat" && spec.ipv4 === undefined && spec.ipv6 === undefined) {
    throw networkFault("ipv4", "A NAT network needs addresses: give ipv4.subnet, ipv6.prefix, or both.");
  }
  if (!isOwn && (spec.ipv4 !== undefined || spec.ipv6 !== undefined)) {
    throw networkFault(
      "ipv4",
      `Addresses on a ${kind} network are given by somebody else: leave ipv4 and ipv6 out.`,
    );
  }
  if (kind === "bridged" && spec.hostNic === undefined) {
    throw networkFault("hostNic", "A bridged network needs the host's interface: give hostNic.");
  }
  if (kind !== "bridged" && (spec.hostNic !== undefined || spec.vlan !== undefined)) {
    throw networkFault(
      "hostNic",
      `hostNic and vlan are for bridged networks: leave them out, or choose that kind.`,
    );
  }
  if (!isOwn && spec.overlay !== undefined) {
    throw networkFault("overlay", `A ${kind} network cannot be an overlay: choose nat or isolated.`);
  }
  if (kind !== "nat" && spec.forwards.length > 0) {
    throw networkFault("forwards", `Only NAT networks forward ports of the host; this one is ${kind}.`);
  }
}

function checkIpv4(ipv4: NonNullable<CompleteNetworkSpec["ipv4"]>): void {
  const subnet = subnetOf(ipv4.subnet, "ipv4.subnet");
  checkReserved("ipv4.subnet", subnet, reserved);
  const gateway = usable(subnet, ipv4.gateway, "ipv4.gateway");
  const first = usable(subnet, ipv4.rangeFirst, "ipv4.rangeFirst");
  const last = usable(subnet, ipv4.rangeLast, "ipv4.rangeLast");
  if (last < first)
    throw networkFault("ipv4.rangeLast", "The range ends before it begins: swap the two addresses.");
  if (gateway >= first && gateway <= last) {
    throw networkFault(
      "ipv4.gateway",
      `The range contains the gateway ${ipv4.gateway}: begin the range behind it.`,
    );
  }
}

function checkReserved(field: string, subnet: Cidr, taken: string[]): void {
  const hit = taken.find((text) => overlap(subnet, subnetOf(text, field)));
  if (hit !== undefined)
    throw networkFault(field, `Addresses of ${hit} have another meaning: choose another subnet.`);
}

function usable(subnet: Cidr, text: string, field: string): bigint {
  const address = parseAddress(text);
  if (address === undefined || !contains(subnet, address)) {
    throw networkFault(field, `${text} is not an address of the network's subnet.`);
  }
  if (address.family === 4 && (address.value === subnet.first || address.value === lastOf(subnet))) {
    throw networkFault(
      field,
      `${text} is the subnet's own or its broadcast address: choose one between them.`,
    );
  }
  return address.value;
}

function checkLeases(spec: CompleteNetworkSpec): void {
  const seen = new Set<string>(
    [spec.ipv4?.gateway, spec.ipv6?.gateway].filter((address) => address !== undefined),
  );
  spec.leases.forEach(({ mac, address4, address6 }, index) => {
    const field = `leases.${index}`;
    if (address4 !== undefined) checkLease({ cidr: spec.ipv4?.subnet, address: address4, field });
    if (address6 !== undefined) checkLease({ cidr: spec.ipv6?.prefix, address: address6, field });
    for (const key of [mac, address4, address6].filter((text) => text !== undefined)) {
      if (seen.has(key)) throw networkFault(field, `${key} is used twice: give each NIC its own.`);
      seen.add(key);
    }
  });
}

/** Throws unless a NIC with this MAC address may have this address on the network; who else has it is not asked. */
export function checkNicAddress(
  spec: CompleteNetworkSpec,
  { address, mac, field }: { address: string; mac: string; field: string },
): void {
  const is4 = parseAddress(address)?.family === 4;
  checkLease({ cidr: is4 ? spec.ipv4?.subnet : spec.ipv6?.prefix, address, field });
  if ([spec.ipv4?.gateway, spec.ipv6?.gateway].includes(address))
    throw networkFault(field, `${address} is the network's gateway: choose another address.`);
  const lease = spec.leases.find(({ address4, address6 }) => address === address4 || address === address6);
  if (lease !== undefined && lease.mac !== mac)
    throw networkFault(field, `${address} is kept for ${lease.mac}: choose another address.`);
}

function checkLease({
  cidr,
  address,
  field,
}: {
  cidr: string | undefined;
  address: string;
  field: string;
}): void {
  if (cidr === undefined)
    throw networkFault(field, `The network has no subnet for ${address}: give it one first.`);
  usable(subnetOf(cidr, field), address, field);
}

function checkForwards(spec: CompleteNetworkSpec, world: NetworkWorld): void {
  const seen = new Set<string>();
  spec.forwards.forEach((forward, index) => {
    const field = `forwards.${index}`;
    checkLease({ cidr: spec.ipv4?.subnet, address: forward.address, field });
    if (parseAddress(forward.hostAddress)?.family !== 4) {
      throw networkFault(field, `${forward.hostAddress} is not an IPv4 address of the host.`);
    }
    const port = `${forward.protocol}/${forward.hostPort}`;
    if (seen.has(port))
      throw networkFault(field, `Host port ${port} is forwarded twice: choose another one.`);
    seen.add(port);
    const owner = world.portOwner(forward.protocol, forward.hostPort);
    if (owner !== undefined)
      throw networkFault(field, `Host port ${port} already leads to ${owner}: choose another one.`);
  });
}
