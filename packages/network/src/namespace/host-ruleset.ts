import { formatAddress } from "@serai/model/ip-address";
import type { NetworkForward } from "@serai/model/network";
import { hostNames, hostUplinkPattern } from "./names.ts";

/** A link of two addresses between the host and one network's namespace. */
export type TransferLink = { host4: string; network4: string; host6: string; network6: string };

const first4 = 0xc6120000n; // 198.18.0.0/15, set aside for tests of devices: on nobody's network
const first6 = 0xfd5e72616900n << 80n; // a random unique local prefix
const transferNetworks4 = "198.18.0.0/15";
const transferNetworks6 = "fd5e:7261:6900::/48";
export const transferLinkCount = 32768;

export function transferLink(index: number): TransferLink {
  const offset = BigInt(index) * 4n;
  const at4 = (last: bigint) => formatAddress({ family: 4, value: first4 + offset + last });
  const at6 = (last: bigint) => formatAddress({ family: 6, value: first6 + offset + last });
  return { host4: at4(1n), network4: at4(2n), host6: at6(1n), network6: at6(2n) };
}

/**
 * The host's share of all NAT networks: the same for each, so it is one table. Guests come out translated, reach
 * nothing on the host itself (replies excepted) and no other network; nobody reaches them but by a forward.
 */
export function hostRuleset(): string {
  const guests = `"${hostUplinkPattern}"`;
  return `table inet serai
delete table inet serai
table inet serai {
  chain input {
    type filter hook input priority -10; policy accept;
    iifname != ${guests} accept
    ct state established,related accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    drop
  }
  chain forward {
    type filter hook forward priority -10; policy accept;
    iifname ${guests} oifname ${guests} drop
    iifname ${guests} accept
    oifname != ${guests} accept
    ct state established,related accept
    ct status dnat accept
    drop
  }
  chain translate_out {
    type nat hook postrouting priority srcnat; policy accept;
    oifname ${guests} ip saddr 127.0.0.0/8 masquerade
    oifname != ${guests} ip saddr ${transferNetworks4} masquerade
    oifname != ${guests} ip6 saddr ${transferNetworks6} masquerade
  }
}
`;
}

/** The table of one network's port forwards on the host; only its removal when there are none. */
export function forwardRuleset(id: string, index: number, forwards: readonly NetworkForward[]): string {
  const { table } = hostNames(id);
  const removal = `table inet ${table}\ndelete table inet ${table}\n`;
  if (forwards.length === 0) return removal;
  const { network4 } = transferLink(index);
  const lines = forwards.map(({ protocol, hostAddress, hostPort }) => {
    const where = hostAddress === "0.0.0.0" ? "fib daddr type local" : `ip daddr ${hostAddress}`;
    return `meta nfproto ipv4 ${where} ${protocol} dport ${hostPort} dnat ip to ${network4}:${hostPort}`;
  });
  return `${removal}table inet ${table} {
  chain from_outside {
    type nat hook prerouting priority dstnat; policy accept;
    iifname "${hostUplinkPattern}" accept
    ${lines.join("\n    ")}
  }
  chain from_here {
    type nat hook output priority -100; policy accept;
    ${lines.join("\n    ")}
  }
}
`;
}
