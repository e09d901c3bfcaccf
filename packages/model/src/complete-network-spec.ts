import { Fault } from "@serai/kit/fault";
import { formatAddress, lastOf, parseCidr, sizeOf, type Cidr } from "./ip-address.ts";
import type { CompleteNetworkSpec, NetworkChange, NetworkSpec } from "./network.ts";

/** Space on the wire that VXLAN needs for itself. */
const overlayBytes = 50;
const ethernetMtu = 1500;

export const networkFault = (field: string, message: string): Fault =>
  new Fault("network.spec_invalid", message, { details: { field } });

/** Fills in every default. Throws `network.spec_invalid` for what it cannot compute with; see {@link checkNetwork}. */
export function completeNetworkSpec(spec: NetworkSpec): CompleteNetworkSpec {
  const kind = spec.kind ?? "nat";
  return {
    name: spec.name,
    description: spec.description ?? "",
    kind,
    ...(spec.ipv4 && { ipv4: complete4(spec.ipv4) }),
    ...(spec.ipv6 && { ipv6: complete6(spec.ipv6.prefix) }),
    mtu: spec.mtu ?? ethernetMtu - (spec.overlay === undefined ? 0 : overlayBytes),
    domain: spec.domain ?? `${spec.name}.internal`,
    ...(spec.hostNic !== undefined && { hostNic: spec.hostNic }),
    ...(spec.vlan !== undefined && { vlan: spec.vlan }),
    ...(spec.overlay !== undefined && { overlay: spec.overlay }),
    leases: spec.leases ?? [],
    forwards: (spec.forwards ?? []).map((forward) => ({ hostAddress: "127.0.0.1", ...forward })),
  };
}

/** The spec after a change. A new subnet brings its own gateway and range. */
export function applyNetworkChange(before: CompleteNetworkSpec, change: NetworkChange): CompleteNetworkSpec {
  const { ipv6, ...rest } = before;
  return completeNetworkSpec({ ...rest, ...(ipv6 && { ipv6: { prefix: ipv6.prefix } }), ...change });
}

/** The subnet of a complete spec, which {@link completeNetworkSpec} has proven to be one. */
export function subnetOf(text: string, field: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr !== undefined) return cidr;
  throw networkFault(
    field,
    `${text} is not a subnet: give its first address and its prefix, such as 10.10.0.0/24.`,
  );
}

function complete4(ipv4: NonNullable<NetworkSpec["ipv4"]>): NonNullable<CompleteNetworkSpec["ipv4"]> {
  const subnet = subnetOf(ipv4.subnet, "ipv4.subnet");
  if (subnet.family !== 4 || subnet.prefix < 8 || subnet.prefix > 29) {
    throw networkFault(
      "ipv4.subnet",
      `${ipv4.subnet} is too large or too small: choose a prefix from /8 to /29.`,
    );
  }
  const at = (value: bigint) => formatAddress({ family: 4, value });
  // The first half stays free for static leases, unless the subnet is tiny.
  const skipped = subnet.prefix >= 27 ? 2n : sizeOf(subnet) / 2n;
  return {
    subnet: ipv4.subnet,
    gateway: ipv4.gateway ?? at(subnet.first + 1n),
    rangeFirst: ipv4.rangeFirst ?? at(subnet.first + skipped),
    rangeLast: ipv4.rangeLast ?? at(lastOf(subnet) - 1n),
  };
}

function complete6(prefix: string): NonNullable<CompleteNetworkSpec["ipv6"]> {
  const subnet = subnetOf(prefix, "ipv6.prefix");
  if (subnet.family !== 6 || subnet.prefix !== 64) {
    throw networkFault("ipv6.prefix", `${prefix} is no /64, which guests need to choose their addresses.`);
  }
  return { prefix, gateway: formatAddress({ family: 6, value: subnet.first + 1n }) };
}
