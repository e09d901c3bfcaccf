/** What this room may need of a kernel, each tried and not guessed. */
export type Feature =
  | "root"
  | "tun"
  | "bridge"
  | "veth"
  | "vxlan"
  | "vlan"
  | "vlan_filtering"
  | "ifb"
  | "tbf"
  | "ingress"
  | "nft"
  | "nft_bridge"
  | "nft_nat"
  | "bridge_netfilter"
  | "bridge_conntrack"
  | "dnsmasq";

export type FeatureReport = {
  feature: Feature;
  works: boolean;
  /** For people: what it is, and after a failure what is missing. */
  title: string;
  reason?: string;
};

export const featureTitles: Readonly<Record<Feature, string>> = {
  root: "the right to make networks (root)",
  tun: "taps (/dev/net/tun)",
  bridge: "bridges",
  veth: "pairs of virtual interfaces (veth)",
  vxlan: "overlays (VXLAN)",
  vlan: "VLAN interfaces (802.1Q)",
  vlan_filtering: "bridges that know VLANs",
  ifb: "intermediate interfaces (ifb)",
  tbf: "token bucket queues (tbf)",
  ingress: "redirection of received packets (tc ingress, mirred)",
  nft: "nftables with connection tracking",
  nft_bridge: "nftables on bridges",
  nft_nat: "address translation by nftables",
  bridge_netfilter: "connection tracking of bridged packets (br_netfilter)",
  bridge_conntrack: "connection tracking in bridge tables",
  dnsmasq: "DHCP and DNS (dnsmasq)",
};

/** The features without which the named thing cannot be had. */
export const needs = {
  network: ["root", "tun", "bridge", "nft", "nft_bridge"],
  addresses: ["dnsmasq"],
  nat: ["veth", "nft_nat"],
  bridged: ["veth"],
  vlan: ["vlan"],
  overlay: ["vxlan"],
  securityGroups: ["bridge_netfilter"],
  bandwidth: ["tbf", "ifb", "ingress"],
} as const satisfies Record<string, readonly Feature[]>;

export type Need = keyof typeof needs;
