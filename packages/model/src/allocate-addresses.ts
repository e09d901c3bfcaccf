import { Fault } from "@serai/kit/fault";
import { subnetOf } from "./complete-network-spec.ts";
import { addressFromMac, formatAddress, parseAddress } from "./ip-address.ts";
import type { CompleteNetworkSpec } from "./network.ts";

export type NicAddresses = { address4?: string; address6?: string };

/**
 * The addresses of a NIC that joins a network whose other NICs have `taken` (all families mixed).
 * The same question has the same answer: the choice starts where the MAC address says, so a NIC that leaves and comes
 * back mostly gets what it had. Static leases are kept for their owners. Throws `network.addresses_exhausted`.
 */
export function allocateAddresses(
  spec: CompleteNetworkSpec,
  mac: string,
  taken: Iterable<string>,
): NicAddresses {
  const own = spec.leases.find((lease) => lease.mac === mac);
  const address4 = own?.address4 ?? (spec.ipv4 && choose4(spec, spec.ipv4, mac, taken));
  const address6 = own?.address6 ?? (spec.ipv6 && choose6(spec.ipv6.prefix, mac));
  return { ...(address4 !== undefined && { address4 }), ...(address6 !== undefined && { address6 }) };
}

function choose4(
  spec: CompleteNetworkSpec,
  ipv4: NonNullable<CompleteNetworkSpec["ipv4"]>,
  mac: string,
  taken: Iterable<string>,
): string {
  const first = parseAddress(ipv4.rangeFirst)?.value ?? 0n;
  const size = (parseAddress(ipv4.rangeLast)?.value ?? first) - first + 1n;
  const unusable = new Set([...taken, ipv4.gateway, ...spec.leases.map((lease) => lease.address4)]);
  const start = hash(mac) % size;
  for (let step = 0n; step < size; step++) {
    const address = formatAddress({ family: 4, value: first + ((start + step) % size) });
    if (!unusable.has(address)) return address;
  }
  throw new Fault(
    "network.addresses_exhausted",
    `All ${size} addresses of network ${spec.name} are taken: remove a VM, or widen the range.`,
    { details: { network: spec.name, addresses: Number(size) } },
  );
}

const choose6 = (prefix: string, mac: string): string =>
  formatAddress(addressFromMac(subnetOf(prefix, "ipv6.prefix"), mac));

/** FNV-1a: spreads, and is the same everywhere for ever. */
function hash(text: string): bigint {
  let value = 0x811c9dc5n;
  for (const character of text)
    value = ((value ^ BigInt(character.charCodeAt(0))) * 0x01000193n) & 0xffffffffn;
  return value;
}
