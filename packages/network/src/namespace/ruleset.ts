import type { SecurityGroupSpec } from "@serai/model/security-group";
import { groupRules } from "./groups.ts";
import { bridgeName, uplinkName } from "./names.ts";
import { portGuardRules, type GuardInput } from "./port-guard.ts";

export type RulesetInput = GuardInput & { groups: readonly SecurityGroupSpec[] };

/** All rules of one network as one nft transaction: declared, then deleted, then made anew. */
export function networkRuleset(input: RulesetInput): string {
  return [
    "table bridge serai",
    "delete table bridge serai",
    "table inet serai",
    "delete table inet serai",
    portGuardRules(input),
    "table inet serai {",
    ...forwardChain(input),
    ...inputChain(input),
    ...(input.spec.kind === "nat" ? translationChains(input) : []),
    "}",
    "",
  ].join("\n");
}

function forwardChain({ spec, nics, groups }: RulesetInput): string[] {
  const { jumps, chains } = groupRules(nics, groups);
  return [
    ...chains,
    "  chain forward {",
    "    type filter hook forward priority filter; policy drop;",
    "    ct state established,related accept",
    "    ct state invalid drop",
    "    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, nd-router-advert } accept",
    ...jumps,
    `    iifname ${bridgeName} oifname ${bridgeName} accept`,
    ...(spec.kind === "nat" ? natForward : []),
    "  }",
  ];
}

/** 169.254.0.0/16 is where clouds hand out the host's own secrets. */
const natForward = [
  `    iifname ${bridgeName} oifname ${uplinkName} ip daddr 169.254.0.0/16 drop`,
  `    iifname ${bridgeName} oifname ${uplinkName} accept`,
  `    iifname ${uplinkName} oifname ${bridgeName} ct status dnat accept`,
];

/** Guests may ask their gateway for addresses and names, and whether it is there. For nothing else. */
function inputChain({ spec }: RulesetInput): string[] {
  const from = `    iifname ${bridgeName}`;
  return [
    "  chain input {",
    "    type filter hook input priority filter; policy drop;",
    "    iifname lo accept",
    "    ct state established,related accept",
    "    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept",
    ...(spec.ipv4
      ? [
          `${from} udp sport 68 udp dport 67 accept`,
          `${from} ip daddr ${spec.ipv4.gateway} meta l4proto { tcp, udp } th dport 53 accept`,
          `${from} ip daddr ${spec.ipv4.gateway} icmp type echo-request accept`,
        ]
      : []),
    ...(spec.ipv6
      ? [
          `${from} icmpv6 type { nd-router-solicit, mld-listener-report, mld-listener-done, mld2-listener-report } accept`,
          `${from} udp sport 546 udp dport 547 accept`,
          `${from} ip6 daddr { ${spec.ipv6.gateway}, fe80::1 } meta l4proto { tcp, udp } th dport 53 accept`,
          `${from} ip6 daddr { ${spec.ipv6.gateway}, fe80::1 } icmpv6 type echo-request accept`,
        ]
      : []),
    "  }",
  ];
}

function translationChains({ spec }: RulesetInput): string[] {
  return [
    "  chain translate_in {",
    "    type nat hook prerouting priority dstnat; policy accept;",
    ...spec.forwards.map(
      ({ protocol, hostPort, address, port }) =>
        `    iifname ${uplinkName} ${protocol} dport ${hostPort} dnat ip to ${address}:${port}`,
    ),
    "  }",
    "  chain translate_out {",
    "    type nat hook postrouting priority srcnat; policy accept;",
    `    oifname ${uplinkName} masquerade`,
    "  }",
  ];
}
