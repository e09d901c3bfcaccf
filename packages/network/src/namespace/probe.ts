import { accessSync, constants, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { Fault } from "@serai/kit/fault";
import {
  createNetNamespace,
  currentNetNamespace,
  inNetNamespace,
  type NetNamespace,
} from "@serai/linux/net-namespace";
import { featureTitles, needs, type Feature, type FeatureReport, type Need } from "../features.ts";
import type { NetworkAbilities } from "../network-driver.ts";
import { setSysctls } from "./links.ts";
import { inputFile, runIn } from "./run.ts";

type Attempt = { feature: Feature; program: "ip" | "tc" | "nft"; line: string };

/** Each line is tried by itself, in this order, in a namespace that is thrown away. */
const attempts: readonly Attempt[] = [
  { feature: "bridge", program: "ip", line: "link add name b0 type bridge" },
  { feature: "veth", program: "ip", line: "link add name v0 type veth peer name v1" },
  { feature: "vxlan", program: "ip", line: "link add name x0 type vxlan id 1 dstport 4789 local 127.0.0.1" },
  { feature: "vlan", program: "ip", line: "link add link v0 name v0.5 type vlan id 5" },
  { feature: "vlan_filtering", program: "ip", line: "link add name b1 type bridge vlan_filtering 1" },
  { feature: "ifb", program: "ip", line: "link add name i0 type ifb" },
  { feature: "tbf", program: "tc", line: "qdisc add dev v0 root tbf rate 1mbit burst 64kb latency 50ms" },
  { feature: "ingress", program: "tc", line: "qdisc add dev v0 handle ffff: ingress" },
  {
    feature: "ingress",
    program: "tc",
    line: "filter add dev v0 parent ffff: protocol all u32 match u32 0 0 action mirred egress redirect dev i0",
  },
  {
    feature: "nft",
    program: "nft",
    line: "table inet a { chain c { type filter hook forward priority 0; ct state established accept; }; }",
  },
  {
    feature: "nft_bridge",
    program: "nft",
    line: 'table bridge a { chain c { type filter hook prerouting priority -300; iifname "t" ether type arp meta mark set 1; }; }',
  },
  {
    feature: "nft_nat",
    program: "nft",
    line: "table inet b { chain c { type nat hook postrouting priority 100; masquerade; }; }",
  },
  {
    feature: "bridge_conntrack",
    program: "nft",
    line: "table bridge b { chain c { type filter hook forward priority 0; ct state established accept; }; }",
  },
];

/** Tries what this kernel and these tools can. Leaves nothing behind. */
export async function probeNetworking(signal: AbortSignal): Promise<NetworkAbilities> {
  const works = new Map<Feature, string | true>();
  works.set("root", process.getuid?.() === 0 || "the daemon does not run as root");
  works.set("dnsmasq", isInstalled("dnsmasq") || "the program dnsmasq is not installed");
  works.set("tun", isUsable("/dev/net/tun") || "/dev/net/tun cannot be opened");
  if (works.get("root") === true) await tryInNamespace(works, signal);
  const features = (Object.keys(featureTitles) as Feature[]).map((feature): FeatureReport => {
    const outcome = works.get(feature) ?? "the daemon does not run as root";
    const title = featureTitles[feature];
    return outcome === true
      ? { feature, works: true, title }
      : { feature, works: false, title, reason: outcome };
  });
  return abilitiesOf(features);
}

/** Throws `network.unsupported`, naming everything that is missing for the need. */
export function mustBeAble({ features }: Pick<NetworkAbilities, "features">, need: Need): void {
  const missing = missingFor(features, need);
  if (missing.length === 0) return;
  throw new Fault(
    "network.unsupported",
    `This host cannot do it; it lacks: ${missing.map(({ title, reason }) => `${title} (${reason})`).join("; ")}.`,
    { details: { missing: missing.map(({ feature }) => feature) } },
  );
}

export function abilitiesOf(features: FeatureReport[]): NetworkAbilities {
  const can = (...wanted: Need[]) => wanted.every((need) => missingFor(features, need).length === 0);
  return {
    kinds: [
      ...(can("network", "nat", "addresses") ? (["nat"] as const) : []),
      ...(can("network") ? (["isolated"] as const) : []),
      ...(can("network", "bridged") ? (["bridged"] as const) : []),
      "user",
    ],
    hasSecurityGroups: can("network", "securityGroups"),
    hasBandwidth: can("network", "bandwidth"),
    hasVlans: can("network", "bridged", "vlan"),
    hasOverlays: can("network", "overlay"),
    features,
  };
}

function missingFor(features: readonly FeatureReport[], need: Need): FeatureReport[] {
  const wanted: readonly Feature[] = needs[need];
  return features.filter(({ feature, works }) => !works && wanted.includes(feature));
}

async function tryInNamespace(works: Map<Feature, string | true>, signal: AbortSignal): Promise<void> {
  await loadBridgeNetfilter(signal);
  using namespace = createNetNamespace();
  works.set("bridge_netfilter", hasBridgeNetfilter(namespace) || "the kernel has no br_netfilter");
  const byProgram = Map.groupBy(attempts, ({ program }) => program);
  const run = async (program: "ip" | "tc" | "nft") => {
    for (const { feature, reason } of await tryLines(namespace, byProgram.get(program) ?? [], signal)) {
      if (works.get(feature) === undefined || works.get(feature) === true) works.set(feature, reason ?? true);
    }
  };
  await Promise.all([run("ip").then(() => run("tc")), run("nft")]);
}

type Outcome = { feature: Feature; reason?: string };

async function tryLines(namespace: NetNamespace, lines: Attempt[], signal: AbortSignal): Promise<Outcome[]> {
  if (lines[0]?.program === "nft") return Promise.all(lines.map((line) => tryOne(namespace, line, signal)));
  const outcomes: Outcome[] = [];
  for (const line of lines) outcomes.push(await tryOne(namespace, line, signal));
  return outcomes;
}

async function tryOne(
  namespace: NetNamespace,
  { feature, program, line }: Attempt,
  signal: AbortSignal,
): Promise<Outcome> {
  const argv = [program, program === "nft" ? "-f" : "-batch", inputFile] as const;
  try {
    const { exitCode, stderr } = await runIn(namespace, { argv, input: `${line}\n` }, signal);
    return exitCode === 0 ? { feature } : { feature, reason: firstLine(stderr) };
  } catch (error) {
    signal.throwIfAborted();
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return { feature, reason: `the program ${program} is not installed` };
  }
}

function firstLine(stderr: string): string {
  const line = stderr.split("\n").find((text) => text.trim() !== "") ?? "refused";
  return line.replace(/^(Error: |RTNETLINK answers: |\S+:\d+:\d+-\d+: Error: )/, "").trim();
}

/**
 * The one module that no command loads by itself. It begins to filter every bridge of the host at once: where it was
 * not loaded before, nobody wants that, so it is switched off again outside of our own namespaces.
 */
async function loadBridgeNetfilter(signal: AbortSignal): Promise<void> {
  using host = currentNetNamespace();
  if (hasBridgeNetfilter(host)) return;
  try {
    await runIn(host, { argv: ["modprobe", "-q", "br_netfilter"] }, signal);
  } catch (error) {
    signal.throwIfAborted();
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  const off = (family: string) => [`bridge/bridge-nf-call-${family}`, "0"];
  setSysctls(host, Object.fromEntries(["iptables", "ip6tables", "arptables"].map(off)));
}

function hasBridgeNetfilter(namespace: NetNamespace): boolean {
  try {
    inNetNamespace(namespace, () => readFileSync("/proc/sys/net/bridge/bridge-nf-call-iptables"));
    return true;
  } catch {
    return false; // the file is there exactly when the code is
  }
}

function isInstalled(program: string): boolean {
  return ["/usr/sbin", "/usr/bin", "/sbin", "/usr/local/sbin", "/usr/local/bin"].some((folder) =>
    isUsable(join(folder, program), constants.X_OK),
  );
}

function isUsable(file: string, mode = constants.R_OK | constants.W_OK): boolean {
  try {
    accessSync(file, mode);
    return true;
  } catch {
    return false; // that is the answer
  }
}
