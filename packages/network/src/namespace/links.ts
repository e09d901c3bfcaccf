import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { Fault } from "@serai/kit/fault";
import { inNetNamespace, type NetNamespace } from "@serai/linux/net-namespace";
import type { NetworkWish } from "../network-driver.ts";
import { transferLink } from "./host-ruleset.ts";
import { bridgeName, gatewayMac, hostNames, overlayName, uplinkName } from "./names.ts";
import { gatewayLinkLocal } from "./port-guard.ts";
import { runBatch, runIn } from "./run.ts";

export type LinkInput = {
  wish: NetworkWish;
  index: number;
  host: NetNamespace;
  namespace: NetNamespace;
  /** The file that pins the namespace: how `ip` names it. */
  pin: string;
  /** What the bridge has is not what it should have. */
  hasOtherAddresses: boolean;
};

/** Names of the interfaces in a namespace. */
export function interfacesOf(namespace: NetNamespace): Set<string> {
  const table = inNetNamespace(namespace, () => readFileSync("/proc/thread-self/net/dev", "latin1"));
  return new Set([...table.matchAll(/^\s*([^\s:|]+):/gm)].map(([, name]) => name ?? ""));
}

/** Writes /proc/sys/net as the namespace sees it. Absent settings belong to absent features. */
export function setSysctls(namespace: NetNamespace, settings: Record<string, string>): void {
  inNetNamespace(namespace, () => {
    for (const [name, value] of Object.entries(settings)) {
      const file = `/proc/sys/net/${name}`;
      if (existsSync(file)) writeFileSync(file, value);
    }
  });
}

/** Makes bridge, uplink and overlay, with the right addresses. Idempotent; taps are left alone. */
export async function makeLinks(input: LinkInput, signal: AbortSignal): Promise<void> {
  const { spec } = input.wish;
  setSysctls(input.namespace, {
    "ipv6/conf/default/disable_ipv6": "1", // taps and their like never speak themselves
    "ipv6/conf/default/accept_ra": "0",
    "ipv4/ip_forward": spec.kind === "nat" ? "1" : "0",
    "ipv6/conf/all/forwarding": spec.kind === "nat" && spec.ipv6 !== undefined ? "1" : "0",
    "ipv4/conf/all/send_redirects": "0",
    "ipv4/conf/default/send_redirects": "0",
    "ipv4/conf/all/arp_ignore": "1",
    "bridge/bridge-nf-call-iptables": "1",
    "bridge/bridge-nf-call-ip6tables": "1",
    "bridge/bridge-nf-call-arptables": "0",
  });
  await makeBridge(input, signal);
  if (spec.kind === "nat") await makeUplink(input, signal);
  if (spec.kind === "bridged") await makeBridgedUplink(input, signal);
  if (spec.overlay !== undefined) await makeOverlay(input, signal);
}

async function makeBridge(
  { wish, namespace, hasOtherAddresses }: LinkInput,
  signal: AbortSignal,
): Promise<void> {
  const { spec, id } = wish;
  if (!interfacesOf(namespace).has(bridgeName)) {
    const kind = "type bridge stp_state 0 forward_delay 0 mcast_snooping 0";
    const lines = [
      "link set dev lo up",
      `link add name ${bridgeName} address ${gatewayMac(id)} ${kind}`,
      `link set dev ${bridgeName} addrgenmode none`,
    ];
    await runBatch(namespace, { program: "ip", lines, what: "make a bridge" }, signal);
  }
  setSysctls(namespace, {
    [`ipv6/conf/${bridgeName}/disable_ipv6`]: spec.ipv6 === undefined ? "1" : "0",
    [`ipv6/conf/${bridgeName}/accept_ra`]: "0",
  });
  const prefix4 = spec.ipv4?.subnet.split("/")[1];
  const lines = [
    `link set dev ${bridgeName} mtu ${spec.mtu} up`,
    ...(hasOtherAddresses ? [`addr flush dev ${bridgeName}`] : []),
    ...(spec.ipv4 ? [`addr replace ${spec.ipv4.gateway}/${prefix4} dev ${bridgeName}`] : []),
    ...(spec.ipv6
      ? [gatewayLinkLocal, spec.ipv6.gateway].map(
          (address) => `addr replace ${address}/64 dev ${bridgeName} nodad`,
        )
      : []),
  ];
  await runBatch(namespace, { program: "ip", lines, what: "give a bridge its addresses" }, signal);
}

/** A pair of interfaces: one end in the host's namespace, one in the network's. */
function pairLines({ wish, pin }: LinkInput): string[] {
  const { uplink } = hostNames(wish.id);
  const mtu = `mtu ${wish.spec.mtu}`;
  return [
    `link add name ${uplink} ${mtu} type veth peer name ${uplinkName} ${mtu} netns ${pin}`,
    `link set dev ${uplink} addrgenmode none`,
  ];
}

async function makeUplink(input: LinkInput, signal: AbortSignal): Promise<void> {
  const { wish, index, host, namespace } = input;
  const { uplink } = hostNames(wish.id);
  const { host4, network4, host6, network6 } = transferLink(index);
  const hasIpv6 = wish.spec.ipv6 !== undefined;
  if (!interfacesOf(namespace).has(uplinkName)) {
    await runBatch(host, { program: "ip", lines: pairLines(input), what: "connect a network" }, signal);
  }
  setSysctls(namespace, { [`ipv6/conf/${uplinkName}/disable_ipv6`]: hasIpv6 ? "0" : "1" });
  const hostLines = [
    `link set dev ${uplink} mtu ${wish.spec.mtu} up`,
    `addr replace ${host4}/30 dev ${uplink}`,
    ...(hasIpv6 ? [`addr replace ${host6}/126 dev ${uplink} nodad`] : []),
  ];
  await runBatch(host, { program: "ip", lines: hostLines, what: "connect a network" }, signal);
  const lines = [
    `link set dev ${uplinkName} mtu ${wish.spec.mtu} up`,
    `addr replace ${network4}/30 dev ${uplinkName}`,
    `route replace default via ${host4} dev ${uplinkName}`,
    ...(hasIpv6
      ? [
          `addr replace ${network6}/126 dev ${uplinkName} nodad`,
          `route replace default via ${host6} dev ${uplinkName}`,
        ]
      : []),
  ];
  await runBatch(namespace, { program: "ip", lines, what: "connect a network" }, signal);
  enableForwarding(host, uplink, hasIpv6);
}

/** Switches the host's forwarding on, which it keeps. `route_localnet` lets forwards from the loopback leave it. */
function enableForwarding(host: NetNamespace, uplink: string, hasIpv6: boolean): void {
  setSysctls(host, { "ipv4/ip_forward": "1", [`ipv4/conf/${uplink}/route_localnet`]: "1" });
  if (!hasIpv6) return;
  // A host that forwards stops listening to routers, unless told that it still shall.
  for (const name of interfacesOf(host)) {
    const file = `/proc/sys/net/ipv6/conf/${name}/accept_ra`;
    const before = inNetNamespace(host, () => (existsSync(file) ? readFileSync(file, "utf8").trim() : ""));
    if (before === "1" && !name.startsWith("sn")) setSysctls(host, { [`ipv6/conf/${name}/accept_ra`]: "2" });
  }
  setSysctls(host, { "ipv6/conf/all/forwarding": "1" });
}

type LinkDetails = { master?: string; linkinfo?: { info_kind?: string }; addr_info?: unknown[] };

/** Connects the network to one of the host's interfaces, or to a bridge that the host has already. */
async function makeBridgedUplink(input: LinkInput, signal: AbortSignal): Promise<void> {
  const { wish, host, namespace } = input;
  const { uplink, bridge, vlan } = hostNames(wish.id);
  const nic = wish.spec.hostNic ?? "";
  const details = await describeLink(host, nic, signal);
  const isBridge = details.linkinfo?.info_kind === "bridge" && wish.spec.vlan === undefined;
  const existing = interfacesOf(host);
  const lines = interfacesOf(namespace).has(uplinkName) ? [] : pairLines(input);
  if (!isBridge) {
    const port = wish.spec.vlan === undefined ? nic : vlan;
    if (wish.spec.vlan === undefined) mustBeSpare(nic, bridge, details);
    if (wish.spec.vlan !== undefined && !existing.has(vlan)) {
      lines.push(`link add link ${nic} name ${vlan} type vlan id ${wish.spec.vlan}`);
    }
    if (!existing.has(bridge)) {
      lines.push(`link add name ${bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`);
      lines.push(`link set dev ${bridge} addrgenmode none`);
    }
    lines.push(`link set dev ${bridge} up`, `link set dev ${port} master ${bridge} up`);
  }
  lines.push(`link set dev ${uplink} mtu ${wish.spec.mtu} master ${isBridge ? nic : bridge} up`);
  await runBatch(host, { program: "ip", lines, what: `connect a network to ${nic}` }, signal);
  const inside = [`link set dev ${uplinkName} mtu ${wish.spec.mtu} master ${bridgeName} up`];
  await runBatch(namespace, { program: "ip", lines: inside, what: `connect a network to ${nic}` }, signal);
}

async function describeLink(host: NetNamespace, nic: string, signal: AbortSignal): Promise<LinkDetails> {
  const { exitCode, stdout } = await runIn(
    host,
    { argv: ["ip", "-j", "-d", "addr", "show", "dev", nic] },
    signal,
  );
  const [details] = exitCode === 0 ? (JSON.parse(stdout) as LinkDetails[]) : [];
  if (details !== undefined) return details;
  throw new Fault("network.setup_failed", `This host has no network interface ${nic}.`, {
    details: { hostNic: nic },
  });
}

/** An interface in a bridge loses its addresses: with the host's own, the host would lose its network. */
function mustBeSpare(nic: string, bridge: string, { master, addr_info: addresses = [] }: LinkDetails): void {
  if (master === bridge) return;
  const own = addresses.filter((address) => (address as { scope?: string }).scope === "global");
  if (master === undefined && own.length === 0) return;
  const reason = master === undefined ? "carries the host's own addresses" : `belongs to ${master}`;
  throw new Fault(
    "network.setup_failed",
    `${nic} ${reason} and cannot be bridged: give a spare interface, or make a bridge of it and name that.`,
    { details: { hostNic: nic } },
  );
}

/** Made in the host's namespace, where its packets travel, and then moved: its own socket stays behind. */
async function makeOverlay({ wish, host, namespace, pin }: LinkInput, signal: AbortSignal): Promise<void> {
  const { spec, tunnel } = wish;
  if (spec.overlay === undefined) return;
  if (tunnel === undefined) throw new Error(`overlay ${wish.id} came without the addresses of its hosts`);
  const { vlan: temporary } = hostNames(wish.id);
  const what = "connect an overlay";
  if (!interfacesOf(namespace).has(overlayName)) {
    const kind = `type vxlan id ${spec.overlay.vni} local ${tunnel.local} dstport 4789`;
    const leftover = interfacesOf(host).has(temporary) ? [`link del dev ${temporary}`] : [];
    const lines = [
      ...leftover,
      `link add name ${temporary} ${kind}`,
      `link set dev ${temporary} netns ${pin} name ${overlayName}`,
    ];
    await runBatch(host, { program: "ip", lines, what }, signal);
  }
  const join = [
    `link set dev ${overlayName} addrgenmode none`,
    `link set dev ${overlayName} mtu ${spec.mtu} master ${bridgeName} up`,
  ];
  await runBatch(namespace, { program: "ip", lines: join, what }, signal);
  const flood = ["fdb", "show", "dev", overlayName];
  const { stdout } = await runIn(namespace, { argv: ["bridge", ...flood] }, signal);
  const present = [...stdout.matchAll(/^00:00:00:00:00:00 .*?dst (\S+)/gm)].map(([, peer]) => peer ?? "");
  const change = (verb: string, peers: string[]) =>
    peers.map(
      (peer) => ["bridge", "fdb", verb, "00:00:00:00:00:00", "dev", overlayName, "dst", peer] as const,
    );
  const commands = [
    ...change(
      "append",
      tunnel.peers.filter((peer) => !present.includes(peer)),
    ),
    ...change(
      "del",
      present.filter((peer) => !tunnel.peers.includes(peer)),
    ),
  ];
  for (const argv of commands) await runIn(namespace, { argv: [...argv] }, signal);
}
