import { parseCidr } from "@serai/model/ip-address";
import type { Peer, SecurityGroupSpec, SecurityRule } from "@serai/model/security-group";
import { linkLocalOf, receiverMask, senderMark, senderMask } from "./port-guard.ts";
import type { KnownNic } from "./record.ts";

type Direction = SecurityRule["direction"];

/**
 * What security groups make of a NIC: chains `in_N` and `out_N` per NIC, and the lines that lead to them.
 * Names of groups appear nowhere in the rules, so no name can be read as one.
 */
export function groupRules(
  nics: readonly KnownNic[],
  groups: readonly SecurityGroupSpec[],
): { jumps: string[]; chains: string[] } {
  const byName = new Map(groups.map((group) => [group.name, group]));
  const members = Map.groupBy(
    nics.flatMap((nic) => nic.groups.map((group) => ({ group, nic }))),
    ({ group }) => group,
  );
  const peersOf = (group: string) => (members.get(group) ?? []).map(({ nic }) => nic);
  const chainsFor = (nic: KnownNic, direction: Direction) => {
    const rules = nic.groups.flatMap((name) => byName.get(name)?.rules ?? []);
    return rules
      .filter((rule) => rule.direction === direction)
      .flatMap((rule) => linesFor(rule, peersOf))
      .map((line) => `    ${line}`);
  };
  const guarded = nics.filter((nic) => nic.isLocal && nic.groups.length > 0);
  const restricted = guarded.filter((nic) =>
    nic.groups.some((name) => byName.get(name)?.rules.some((rule) => rule.direction === "out") === true),
  );
  return {
    jumps: jumpLines(guarded, restricted),
    chains: [
      ...guarded.flatMap((nic) => [
        `  chain in_${nic.mark} {`,
        "    ct status dnat accept",
        ...chainsFor(nic, "in"),
        "    drop",
        "  }",
      ]),
      ...restricted.flatMap((nic) => [
        `  chain out_${nic.mark} {`,
        ...chainsFor(nic, "out"),
        "    drop",
        "  }",
      ]),
    ],
  };
}

/** Senders and receivers on the bridge are known by mark; what comes from outside has no receiver yet but by address. */
function jumpLines(guarded: KnownNic[], restricted: KnownNic[]): string[] {
  const map = (key: string, elements: string[]) =>
    elements.length === 0 ? [] : [`    ${key} vmap { ${elements.join(", ")} }`];
  const to = (address: string | undefined, nic: KnownNic) =>
    address === undefined ? [] : [`${address} : jump in_${nic.mark}`];
  return [
    ...map(
      `meta mark & ${senderMask}`,
      restricted.map((nic) => `${senderMark(nic.mark)} : jump out_${nic.mark}`),
    ),
    ...map(
      `meta mark & ${receiverMask}`,
      guarded.map((nic) => `${nic.mark} : jump in_${nic.mark}`),
    ),
    ...map(
      `meta mark & ${receiverMask} == 0 ip daddr`,
      guarded.flatMap((nic) => to(nic.address4, nic)),
    ),
    ...map(
      `meta mark & ${receiverMask} == 0 ip6 daddr`,
      guarded.flatMap((nic) => to(nic.address6, nic)),
    ),
  ];
}

function linesFor(rule: SecurityRule, peersOf: (group: string) => KnownNic[]): string[] {
  const what = protocolMatch(rule);
  return peerMatches(rule.direction, rule.peer ?? "any", peersOf).map((peer) =>
    [peer, what, "accept"].filter((part) => part !== "").join(" "),
  );
}

function protocolMatch({ protocol, ports }: SecurityRule): string {
  if (protocol === "any") return "";
  if (protocol === "icmp") return "meta l4proto { icmp, ipv6-icmp }";
  if (ports === undefined) return `meta l4proto ${protocol}`;
  const { first, last = first } = ports;
  return `${protocol} dport ${first === last ? first : `${first}-${last}`}`;
}

/** One match per line; none at all when the peer is a group that nobody is in. */
function peerMatches(direction: Direction, peer: Peer, peersOf: (group: string) => KnownNic[]): string[] {
  if (peer === "any") return [""];
  const field = direction === "in" ? "saddr" : "daddr";
  if ("cidr" in peer) return [`${parseCidr(peer.cidr)?.family === 6 ? "ip6" : "ip"} ${field} ${peer.cidr}`];
  const nics = peersOf(peer.group);
  const among = (key: string, values: (string | number | undefined)[]) => {
    const known = [...new Set(values.filter((value) => value !== undefined))];
    return known.length === 0 ? [] : [`${key} { ${known.join(", ")} }`];
  };
  const local = nics.filter((nic) => nic.isLocal).map((nic) => nic.mark);
  return [
    ...(direction === "in"
      ? among(`meta mark & ${senderMask}`, local.map(senderMark))
      : among(`meta mark & ${receiverMask}`, local)),
    ...among(
      `ip ${field}`,
      nics.map((nic) => nic.address4),
    ),
    ...among(
      `ip6 ${field}`,
      nics.flatMap((nic) => [nic.address6, linkLocalOf(nic.mac)]),
    ),
  ];
}
