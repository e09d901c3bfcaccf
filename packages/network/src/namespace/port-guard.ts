import { addressFromMac, formatAddress, lastOf, parseAddress, parseCidr } from "@serai/model/ip-address";
import type { CompleteNetworkSpec } from "@serai/model/network";
import { nicNames, overlayName } from "./names.ts";
import type { KnownNic } from "./record.ts";

export type GuardInput = {
  spec: CompleteNetworkSpec;
  nics: readonly KnownNic[];
  gatewayMac: string;
};

export const gatewayLinkLocal = "fe80::1";
const linkLocalPrefix = { family: 6, first: 0xfe80n << 112n, prefix: 64 } as const;

/** In a packet's mark: who sent it in the upper half, whom it is for in the lower. */
export const senderMask = "0xffff0000";
export const receiverMask = "0x0000ffff";
export const senderMark = (mark: number): string => `0x${(mark * 0x10000).toString(16)}`;

/** The link-local address that a guest gives itself. */
export const linkLocalOf = (mac: string): string => formatAddress(addressFromMac(linkLocalPrefix, mac));

/**
 * The bridge table: what a guest may say, by the tap that it says it on. Nothing here keeps state.
 *
 * Addresses are known where we give them out; then a guest can use no others. The one exception are link-local IPv6
 * addresses, which some guests choose at random: all are allowed but those of the gateway and of other guests.
 * Everything that is neither ARP, IPv4, IPv6 nor RARP (which QEMU announces a moved guest with) is dropped.
 */
export function portGuardRules(input: GuardInput): string {
  const local = input.nics.filter((nic) => nic.isLocal);
  return [
    "table bridge serai {",
    "  chain from_port {",
    "    type filter hook prerouting priority -300; policy accept;",
    ...verdictMap("iifname", local, (nic) => `goto from_${nic.mark}`),
    '    iifname "t-*" drop',
    ...(input.spec.overlay ? [`    iifname ${overlayName} jump overlay`] : []),
    "  }",
    "  chain to_port {",
    "    type filter hook forward priority -200; policy accept;",
    ...verdictMap("oifname", local, (nic) => `jump mark_${nic.mark}`),
    "  }",
    "  chain leave_port {",
    "    type filter hook postrouting priority 300; policy accept;",
    ...verdictMap("oifname", local, (nic) => `goto to_${nic.mark}`),
    '    oifname "t-*" drop',
    ...(input.spec.overlay ? [`    oifname ${overlayName} jump overlay`] : []),
    "  }",
    ...(input.spec.overlay ? overlayChain(input) : []),
    ...sharedChains(input),
    ...local.flatMap((nic) => nicChains(nic, input)),
    "}",
  ].join("\n");
}

function verdictMap(key: string, nics: readonly KnownNic[], verdict: (nic: KnownNic) => string): string[] {
  if (nics.length === 0) return [];
  const elements = nics.map((nic) => `"${nicNames(nic.vm, nic.nic).tap}" : ${verdict(nic)}`);
  return [`    ${key} vmap { ${elements.join(", ")} }`];
}

/** True where we give the addresses out, so that none but the given ones are right. */
const isManaged = ({ ipv4, ipv6 }: CompleteNetworkSpec): boolean => ipv4 !== undefined || ipv6 !== undefined;

/** Addresses that nobody may claim but their owners, whose own chains let them pass first. */
function sharedChains({ nics, spec }: GuardInput): string[] {
  const owned6 = new Set([gatewayLinkLocal, ...nics.map((nic) => linkLocalOf(nic.mac))]);
  const raw = [...owned6].map(rawAddress);
  return [
    "  chain other_link_local {",
    "    ip6 saddr != fe80::/10 drop",
    `    ip6 saddr { ${[...owned6].join(", ")} } drop`,
    "    accept",
    "  }",
    "  chain check_target {",
    ...(isManaged(spec) ? ["    @th,64,16 != 0xfe80 drop"] : []),
    `    @th,64,128 { ${raw.join(", ")} } drop`,
    "  }",
  ];
}

function nicChains(nic: KnownNic, { spec }: GuardInput): string[] {
  const { mark, mac } = nic;
  const own4 = nic.address4;
  const own6 = own6Of(nic, spec);
  const knows4 = own4 !== undefined || isManaged(spec);
  const knows6 = nic.address6 !== undefined || isManaged(spec);
  return [
    `  chain from_${mark} {`,
    `    ether saddr != ${mac} drop`,
    `    meta mark set ${senderMark(mark)}`,
    `    ether type vmap { 0x8035 : accept, arp : goto arp_${mark}, ip : goto ip4_${mark}, ip6 : goto ip6_${mark} }`,
    "    drop",
    "  }",
    `  chain arp_${mark} {`,
    "    arp htype != 1 drop",
    "    arp ptype != ip drop",
    "    arp hlen != 6 drop",
    "    arp plen != 4 drop",
    `    arp saddr ether != ${mac} drop`,
    ...(knows4 ? arpKnown(own4) : ["    accept"]),
    "  }",
    `  chain ip4_${mark} {`,
    "    ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 accept",
    "    udp sport 67 drop",
    ...(knows4 ? (own4 === undefined ? ["    drop"] : [`    ip saddr != ${own4} drop`]) : []),
    "    accept",
    "  }",
    ...ip6Chains({ mark, own6, isKnown: knows6 }),
    ...receiverChains(nic, spec),
  ];
}

/** A probe (sender 0.0.0.0) for somebody else's address would make a guest that is just starting give it up. */
function arpKnown(own4: string | undefined): string[] {
  if (own4 === undefined) return ["    drop"];
  return [
    `    arp saddr ip ${own4} accept`,
    `    arp saddr ip 0.0.0.0 arp daddr ip ${own4} accept`,
    "    drop",
  ];
}

function own6Of(nic: KnownNic, { ipv6 }: CompleteNetworkSpec): string[] {
  const prefix = ipv6 && parseCidr(ipv6.prefix);
  const autonomous = prefix && formatAddress(addressFromMac(prefix, nic.mac));
  return [
    ...new Set([linkLocalOf(nic.mac), autonomous, nic.address6].filter((address) => address !== undefined)),
  ];
}

function ip6Chains({ mark, own6, isKnown }: { mark: number; own6: string[]; isKnown: boolean }): string[] {
  const own = own6.join(", ");
  const raw = own6.map(rawAddress).join(", ");
  return [
    `  chain ip6_${mark} {`,
    "    icmpv6 type { nd-router-advert, nd-redirect } drop",
    "    udp sport 547 drop",
    // Neighbour discovery in fragments hides what it says; nobody needs it.
    "    exthdr frag exists ip6 daddr { fe80::/10, ff00::/8 } drop",
    `    icmpv6 type nd-neighbor-advert jump target_${mark}`,
    `    ip6 saddr :: icmpv6 type nd-neighbor-solicit jump target_${mark}`,
    "    ip6 saddr :: icmpv6 type { nd-neighbor-solicit, nd-router-solicit, mld-listener-report, mld-listener-done, mld2-listener-report } accept",
    "    ip6 saddr :: drop",
    `    ip6 saddr { ${own} } accept`,
    ...(isKnown
      ? ["    goto other_link_local"]
      : [`    ip6 saddr fe80::/10 goto other_link_local`, "    accept"]),
    "  }",
    `  chain target_${mark} {`,
    `    @th,64,128 { ${raw} } return`,
    "    goto check_target",
    "  }",
  ];
}

function receiverChains(nic: KnownNic, spec: CompleteNetworkSpec): string[] {
  const subnet = spec.ipv4 && parseCidr(spec.ipv4.subnet);
  const broadcast = subnet && formatAddress({ family: 4, value: lastOf(subnet) });
  const for4 = [nic.address4, broadcast, "255.255.255.255", "224.0.0.0/4"].filter(
    (address) => address !== undefined,
  );
  return [
    `  chain mark_${nic.mark} {`,
    `    meta mark set meta mark & ${senderMask} | ${nic.mark}`,
    "  }",
    `  chain to_${nic.mark} {`,
    // A bridge floods what it has not learnt yet: not to guests that it is not for.
    `    ether daddr != ${nic.mac} ether daddr & 01:00:00:00:00:00 != 01:00:00:00:00:00 drop`,
    ...(nic.address4 === undefined ? [] : [`    ether type ip ip daddr != { ${for4.join(", ")} } drop`]),
    "  }",
  ];
}

/** Every host of an overlay has the same gateway, and each answers for its own guests only. */
function overlayChain({ spec, gatewayMac }: GuardInput): string[] {
  const { ipv4, ipv6 } = spec;
  return [
    "  chain overlay {",
    `    ether saddr ${gatewayMac} drop`,
    ...(ipv4 === undefined
      ? []
      : [`    arp saddr ip ${ipv4.gateway} drop`, `    arp daddr ip ${ipv4.gateway} drop`]),
    "    udp dport { 67, 68, 546, 547 } drop",
    "    icmpv6 type { nd-router-solicit, nd-router-advert, nd-redirect } drop",
    `    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } @th,64,128 { ${[
      gatewayLinkLocal,
      ipv6?.gateway,
    ]
      .filter((address) => address !== undefined)
      .map(rawAddress)
      .join(", ")} } drop`,
    "  }",
  ];
}

/** An address as a number: this nft cannot name the target of a neighbour solicitation. */
function rawAddress(text: string): string {
  return `0x${(parseAddress(text)?.value ?? 0n).toString(16).padStart(32, "0")}`;
}
