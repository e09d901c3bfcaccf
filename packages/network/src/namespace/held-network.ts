import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import {
  createNetNamespace,
  inNetNamespace,
  openNetNamespace,
  unpinNetNamespace,
  type NetNamespace,
} from "@serai/linux/net-namespace";
import { isAlive } from "@serai/linux/process-identity";
import { joinBridge } from "@serai/linux/tap";
import type { NetworkWish } from "../network-driver.ts";
import { serveAddresses, servesAddresses, stopDnsmasq } from "./dnsmasq.ts";
import { forwardRuleset, hostRuleset, transferLinkCount } from "./host-ruleset.ts";
import { interfacesOf, makeLinks } from "./links.ts";
import {
  bridgeName,
  gatewayMac,
  hostNames,
  networkIdPattern,
  networkPaths,
  nicNames,
  overlayName,
  uplinkName,
  type NetworkPaths,
} from "./names.ts";
import { endProcessesIn } from "./processes.ts";
import { readState, writeState, type KnownNic, type NetworkState } from "./record.ts";
import { networkRuleset } from "./ruleset.ts";
import { loadRules, runBatch } from "./run.ts";

/** One network as this process holds it. */
export type HeldNetwork = {
  paths: NetworkPaths;
  namespace: NetNamespace;
  state: NetworkState;
  /** True when the kernel has the rules of `state`, as far as this process knows. */
  hasRules: boolean;
};

/** Ids of all networks that have anything on this host. */
export const idsIn = (stateDirectory: string): string[] =>
  readdirSync(stateDirectory).filter((name) => networkIdPattern.test(name));

/** Opens a network that is there; undefined when it is not, or not whole enough to be used. */
export function openHeld(stateDirectory: string, id: string): HeldNetwork | undefined {
  const paths = networkPaths(stateDirectory, id);
  const state = readState(paths.record);
  const namespace = state && openNetNamespace(paths.namespace);
  return state && namespace && { paths, namespace, state, hasRules: false };
}

/** Makes the network, or brings it in line. Each part can be there already; each is looked at. */
export async function bringInLine(
  { wish, stateDirectory, host }: { wish: NetworkWish; stateDirectory: string; host: NetNamespace },
  signal: AbortSignal,
): Promise<HeldNetwork> {
  const paths = networkPaths(stateDirectory, wish.id);
  mkdirSync(paths.directory, { recursive: true, mode: 0o711 });
  const before = readState(paths.record);
  const state: NetworkState = before
    ? { ...before, wish }
    : { wish, index: chooseIndex(stateDirectory, wish.id, host), nics: [], groups: [] };
  writeState(paths.record, state);
  await using undo = new AsyncDisposableStack();
  const opened = openNetNamespace(paths.namespace);
  const namespace = opened ?? createNetNamespace(paths.namespace);
  const held = { paths, namespace, state, hasRules: false };
  undo.defer(() => namespace[Symbol.dispose]());
  // A new network that fails leaves nothing; one that guests are on stays, to be mended by the next call.
  if (before === undefined)
    undo.defer(() => dismantle({ paths, namespace, state, host }, AbortSignal.timeout(10_000)));
  if (before !== undefined && opened !== undefined && hasOtherShape(before.wish, wish)) {
    await dropUplinks(namespace, wish.id, host, signal);
    await loadRules(host, forwardRuleset(wish.id, 0, []), signal);
  }
  // Before anything is connected: no packet meets a host without rules.
  if (wish.spec.kind === "nat") await refreshHostRules(held, host, signal);
  const hasOtherAddresses =
    before !== undefined && !isDeepStrictEqual(addressesOf(before.wish), addressesOf(wish));
  await makeLinks(
    { wish, index: state.index, host, namespace, pin: paths.namespace, hasOtherAddresses },
    signal,
  );
  keepTapsInLine(held);
  await refreshRules(held, signal);
  if (opened !== undefined && !isServed(state)) await endProcessesIn(namespace, signal);
  await refreshService(held, signal);
  undo.move();
  return held;
}

/** Loads the network's own rules: one transaction. */
export async function refreshRules(held: HeldNetwork, signal: AbortSignal): Promise<void> {
  const { wish, nics, groups } = held.state;
  held.hasRules = false;
  await loadRules(
    held.namespace,
    networkRuleset({ spec: wish.spec, nics, groups, gatewayMac: gatewayMac(wish.id) }),
    signal,
  );
  held.hasRules = true;
}

/** Brings dnsmasq in line and remembers all of the state. */
export async function refreshService(held: HeldNetwork, signal: AbortSignal): Promise<void> {
  const { paths, namespace, state } = held;
  const dnsmasq = await serveAddresses(namespace, paths, state, signal);
  const { dnsmasq: _, ...rest } = state;
  held.state = dnsmasq === undefined ? rest : { ...rest, dnsmasq };
  writeState(paths.record, held.state);
}

/** Why a network that should be there is not whole; undefined when it is. */
export function problemOf({ namespace, state }: HeldNetwork): string | undefined {
  const names = interfacesOf(namespace);
  const { kind, overlay } = state.wish.spec;
  if (!names.has(bridgeName)) return "its bridge is missing";
  if ((kind === "nat" || kind === "bridged") && !names.has(uplinkName))
    return "it is not connected to the host";
  if (overlay !== undefined && !names.has(overlayName)) return "it is not connected to other hosts";
  if (!isServed(state)) return "its service for addresses and names does not run";
  return undefined;
}

export const isLive = (names: Set<string>, { vm, nic }: Pick<KnownNic, "vm" | "nic">): boolean =>
  names.has(nicNames(vm, nic).tap);

/** Removes everything of a network, whole or not. Idempotent. */
export async function dismantle(
  { paths, namespace, state, host }: Partial<HeldNetwork> & { paths: NetworkPaths; host: NetNamespace },
  signal: AbortSignal,
): Promise<void> {
  const id = paths.directory.split("/").at(-1) ?? "";
  await stopDnsmasq(state?.dnsmasq, signal);
  if (namespace !== undefined) await endProcessesIn(namespace, signal);
  await dropUplinks(namespace, id, host, signal);
  unpinNetNamespace(paths.namespace);
  const isLast = ![...interfacesOf(host)].some((name) => name.startsWith("snu"));
  const rules = forwardRuleset(id, 0, []) + (isLast ? "table inet serai\ndelete table inet serai\n" : "");
  await loadRules(host, rules, signal);
  rmSync(paths.directory, { recursive: true, force: true });
}

const isServed = (state: NetworkState): boolean =>
  !servesAddresses(state) || (state.dnsmasq !== undefined && isAlive(state.dnsmasq.identity));

async function refreshHostRules(
  { state }: HeldNetwork,
  host: NetNamespace,
  signal: AbortSignal,
): Promise<void> {
  const { wish, index } = state;
  await loadRules(host, hostRuleset() + forwardRuleset(wish.id, index, wish.spec.forwards), signal);
}

const addressesOf = ({ spec: { ipv4, ipv6 } }: NetworkWish) => [ipv4?.subnet, ipv4?.gateway, ipv6?.prefix];

/** Another kind of uplink cannot be changed into; it is made anew. */
function hasOtherShape(before: NetworkWish, after: NetworkWish): boolean {
  const shape = ({ spec: { kind, hostNic, vlan, overlay }, tunnel }: NetworkWish) => [
    kind,
    hostNic,
    vlan,
    overlay,
    tunnel?.local,
  ];
  return !isDeepStrictEqual(shape(before), shape(after));
}

async function dropUplinks(
  namespace: NetNamespace | undefined,
  id: string,
  host: NetNamespace,
  signal: AbortSignal,
): Promise<void> {
  const what = "disconnect a network";
  const drop = (names: Set<string>, unwanted: string[]) =>
    unwanted.filter((name) => names.has(name)).map((name) => `link del dev ${name}`);
  const { uplink, bridge, vlan } = hostNames(id);
  const lines = drop(interfacesOf(host), [uplink, bridge, vlan]);
  await runBatch(host, { program: "ip", lines, what }, signal);
  if (namespace === undefined) return;
  const inside = drop(interfacesOf(namespace), [uplinkName, overlayName]);
  await runBatch(namespace, { program: "ip", lines: inside, what }, signal);
}

function keepTapsInLine({ namespace, state }: HeldNetwork): void {
  const names = interfacesOf(namespace);
  for (const nic of state.nics.filter((known) => isLive(names, known))) {
    inNetNamespace(namespace, () =>
      joinBridge(nicNames(nic.vm, nic.nic).tap, bridgeName, state.wish.spec.mtu),
    );
  }
}

/** The first free transfer subnet, beginning where the id says: two daemons on one machine seldom ask for the same. */
function chooseIndex(stateDirectory: string, id: string, host: NetNamespace): number {
  const taken = new Set(
    idsIn(stateDirectory).map((other) => readState(networkPaths(stateDirectory, other).record)?.index),
  );
  const routes = inNetNamespace(host, () => routedNetworks());
  const start = Number.parseInt(gatewayMac(id).replaceAll(":", "").slice(-6), 16);
  for (let step = 0; step < transferLinkCount; step++) {
    const index = (start + step) % transferLinkCount;
    if (!taken.has(index) && !routes.has(0xc6120000 + index * 4)) return index;
  }
  throw new Error("all transfer subnets are taken");
}

/** First addresses of the IPv4 networks that the calling thread's namespace has routes to. */
function routedNetworks(): Set<number> {
  const table = readFileSync("/proc/thread-self/net/route", "latin1").split("\n").slice(1);
  return new Set(
    table
      .filter((line) => line !== "")
      .map((line) =>
        Buffer.from(line.split("\t")[1] ?? "", "hex")
          .reverse()
          .readUInt32BE(),
      ),
  );
}
