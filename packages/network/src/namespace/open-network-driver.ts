import { closeSync, existsSync, mkdirSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { Fault } from "@serai/kit/fault";
import type { Logger } from "@serai/kit/logger";
import {
  currentNetNamespace,
  inNetNamespace,
  openNetNamespace,
  type NetNamespace,
} from "@serai/linux/net-namespace";
import { joinBridge, openTap } from "@serai/linux/tap";
import type { Bandwidth, NicAttachment } from "@serai/model/network";
import type { Need } from "../features.ts";
import type {
  NetworkAbilities,
  NetworkDriver,
  NetworkSighting,
  NetworkWish,
  NicAddress,
  NicId,
  NicTable,
  PluggedNic,
} from "../network-driver.ts";
import { checkAttachment, checkTable, checkWish } from "./check-wish.ts";
import {
  bringInLine,
  dismantle,
  idsIn,
  isLive,
  openHeld,
  problemOf,
  refreshRules,
  refreshService,
  type HeldNetwork,
} from "./held-network.ts";
import { interfacesOf } from "./links.ts";
import { bridgeName, networkPaths, nicNames } from "./names.ts";
import { linkLocalOf } from "./port-guard.ts";
import { mustBeAble, probeNetworking } from "./probe.ts";
import { readState, withNic, withTable, writeState } from "./record.ts";
import { serializer } from "./serialize.ts";
import { removeShaper, shape } from "./shape.ts";

export type NetworkDriverOptions = {
  /** Has to be passable (mode 711 and upwards) for the services' own users. */
  stateDirectory: string;
  logger: Logger;
  /** The namespace that is the host's; the driver closes it. Default: the calling thread's. */
  host?: NetNamespace;
};

/** After this the rules on the host's side are loaded again: somebody may have flushed them, and that cannot be seen. */
const trustMs = 60_000;

/** Opens the driver that gives every network a namespace of its own. Networks that exist are found, not touched. */
export async function openNetworkDriver(
  options: NetworkDriverOptions,
  signal: AbortSignal,
): Promise<NetworkDriver> {
  mkdirSync(options.stateDirectory, { recursive: true, mode: 0o711 });
  const can = await probeNetworking(signal);
  const missing = can.features.filter((feature) => !feature.works);
  if (missing.length > 0) options.logger.info({ missing }, "this host lacks some network features");
  return new NamespaceDriver(options, can);
}

class NamespaceDriver implements NetworkDriver {
  readonly can: NetworkAbilities;
  readonly #stateDirectory: string;
  readonly #logger: Logger;
  readonly #host: NetNamespace;
  readonly #held = new Map<string, HeldNetwork>();
  /** When this process brought each network in line, on the clock of `performance.now`. */
  readonly #ensuredAt = new Map<string, number>();
  readonly #plugged = new Map<string, PluggedNic>();
  readonly #inTurn = serializer();

  constructor({ stateDirectory, logger, host }: NetworkDriverOptions, can: NetworkAbilities) {
    this.can = can;
    this.#stateDirectory = stateDirectory;
    this.#logger = logger;
    this.#host = host ?? currentNetNamespace();
  }

  async ensure(wish: NetworkWish, signal: AbortSignal): Promise<void> {
    checkWish(wish);
    if (wish.spec.kind === "user") return; // QEMU's own
    for (const need of needsOf(wish)) mustBeAble(this.can, need);
    await this.#inTurn(wish.id, async () => {
      const held = this.#held.get(wish.id);
      const ageMs = performance.now() - (this.#ensuredAt.get(wish.id) ?? -Infinity);
      const isCurrent = ageMs < trustMs && isDeepStrictEqual(held?.state.wish, wish);
      if (held !== undefined && isCurrent && problemOf(held) === undefined) return;
      this.#forget(wish.id);
      const made = await bringInLine(
        { wish, stateDirectory: this.#stateDirectory, host: this.#host },
        signal,
      );
      this.#held.set(wish.id, made);
      this.#ensuredAt.set(wish.id, performance.now());
      this.#logger.info({ network: wish.id, kind: wish.spec.kind }, "network is in line");
    });
  }

  async remove(id: string, signal: AbortSignal): Promise<void> {
    const paths = networkPaths(this.#stateDirectory, id);
    await this.#inTurn(id, async () => {
      if (!existsSync(paths.directory)) return;
      const state = this.#held.get(id)?.state ?? readState(paths.record);
      this.#forget(id);
      using namespace = openNetNamespace(paths.namespace);
      const names = namespace === undefined ? new Set<string>() : interfacesOf(namespace);
      const live = (state?.nics ?? []).filter((nic) => isLive(names, nic));
      if (live.length > 0) {
        const vms = [...new Set(live.map((nic) => nic.vm))].join(", ");
        throw new Fault("network.in_use", `The network is in use by ${vms}: stop or disconnect these first.`);
      }
      await dismantle(
        { paths, host: this.#host, ...(namespace && { namespace }), ...(state && { state }) },
        signal,
      );
      this.#logger.info({ network: id }, "network is removed");
    });
  }

  async plug(attachment: NicAttachment, signal: AbortSignal): Promise<PluggedNic> {
    checkAttachment(attachment);
    if (attachment.groups.length > 0) mustBeAble(this.can, "securityGroups");
    if (hasLimits(attachment.bandwidth)) mustBeAble(this.can, "bandwidth");
    return this.#inTurn(attachment.network, async () => {
      const held = this.#mustHold(attachment.network);
      const { tap } = nicNames(attachment.vm, attachment.nic);
      const plugged = this.#plugged.get(`${attachment.network}/${tap}`);
      if (plugged !== undefined) return plugged;
      if (interfacesOf(held.namespace).has(tap)) throw nicInUse(attachment);
      return this.#plugAnew(held, attachment, signal);
    });
  }

  async #plugAnew(held: HeldNetwork, attachment: NicAttachment, signal: AbortSignal): Promise<PluggedNic> {
    const { vm, nic, network } = attachment;
    const { tap, shaper } = nicNames(vm, nic);
    const before = held.state;
    await using undo = new AsyncDisposableStack();
    undo.defer(async () => {
      held.state = before;
      writeState(held.paths.record, before);
      await refreshRules(held, AbortSignal.timeout(10_000));
    });
    const nics = withNic(before.nics, attachment, true);
    // A VM that starts again finds its rules where its last start left them, and need not wait for them.
    if (!held.hasRules || !isDeepStrictEqual(nics, before.nics)) {
      held.state = { ...before, nics };
      writeState(held.paths.record, held.state);
      // Before the tap is there: its first frame meets its rules.
      await refreshRules(held, signal);
      await refreshService(held, signal);
    }
    const fd = inNetNamespace(held.namespace, () => openTap(tap));
    if (fd === undefined) throw nicInUse(attachment);
    undo.defer(() => closeSync(fd));
    const { mtu } = held.state.wish.spec;
    await removeShaper(held.namespace, shaper, signal); // of a QEMU that is gone
    if (attachment.bandwidth !== undefined)
      await shape({ namespace: held.namespace, tap, shaper }, attachment.bandwidth, signal);
    inNetNamespace(held.namespace, () => joinBridge(tap, bridgeName, mtu));
    undo.move();
    return this.#hold(`${network}/${tap}`, { fd, ifname: tap, mtu });
  }

  #hold(key: string, { fd, ifname, mtu }: Omit<PluggedNic, "close">): PluggedNic {
    const plugged = {
      fd,
      ifname,
      mtu,
      close: () => {
        if (this.#plugged.get(key) !== plugged) return;
        this.#plugged.delete(key);
        closeSync(fd);
      },
    };
    this.#plugged.set(key, plugged);
    return plugged;
  }

  async unplug({ network, vm, nic }: NicId, signal: AbortSignal): Promise<void> {
    await this.#inTurn(network, async () => {
      const { tap, shaper } = nicNames(vm, nic);
      this.#plugged.get(`${network}/${tap}`)?.close();
      const held = this.#find(network);
      if (held === undefined) return;
      await removeShaper(held.namespace, shaper, signal);
      const nics = held.state.nics.filter((known) => known.vm !== vm || known.nic !== nic);
      if (nics.length === held.state.nics.length) return;
      await this.#change(held, { nics }, signal);
    });
  }

  async applyRules(id: string, table: NicTable, signal: AbortSignal): Promise<void> {
    checkTable(table);
    if (table.nics.some((nic) => nic.groups.length > 0)) mustBeAble(this.can, "securityGroups");
    await this.#inTurn(id, async () => {
      const held = this.#mustHold(id);
      await this.#change(
        held,
        { nics: withTable(held.state.nics, table.nics), groups: table.groups },
        signal,
      );
    });
  }

  async setBandwidth(nicId: NicId, bandwidth: Bandwidth, signal: AbortSignal): Promise<void> {
    if (hasLimits(bandwidth)) mustBeAble(this.can, "bandwidth");
    await this.#inTurn(nicId.network, async () => {
      const held = this.#mustHold(nicId.network);
      const known = held.state.nics.find((nic) => nic.vm === nicId.vm && nic.nic === nicId.nic);
      if (known === undefined)
        throw new Fault("network.not_found", `${nicId.vm} has no NIC ${nicId.nic} on this network.`);
      const after = { ...known, bandwidth };
      checkAttachment(after);
      if (isLive(interfacesOf(held.namespace), known)) {
        await shape({ namespace: held.namespace, ...nicNames(known.vm, known.nic) }, bandwidth, signal);
      }
      held.state = { ...held.state, nics: held.state.nics.map((nic) => (nic === known ? after : nic)) };
      writeState(held.paths.record, held.state);
    });
  }

  addresses(id: string): NicAddress[] {
    return (this.#find(id)?.state.nics ?? []).map(({ vm, nic, mac, address4, address6 }) => ({
      vm,
      nic,
      mac,
      addresses: [address4, address6, linkLocalOf(mac)].filter((address) => address !== undefined),
    }));
  }

  list(): NetworkSighting[] {
    return idsIn(this.#stateDirectory).map((id) => {
      const held = this.#find(id);
      if (held === undefined)
        return { id, problem: "it was not finished, or the machine was restarted", nics: [] };
      const names = interfacesOf(held.namespace);
      const nics = held.state.nics
        .filter((nic) => nic.isLocal)
        .map(({ vm, nic }) => ({ vm, nic, isLive: isLive(names, { vm, nic }) }));
      const problem = problemOf(held);
      return { id, nics, ...(problem !== undefined && { problem }) };
    });
  }

  close(): void {
    for (const plugged of [...this.#plugged.values()]) plugged.close();
    for (const id of [...this.#held.keys()]) this.#forget(id);
    this.#host[Symbol.dispose]();
  }

  /** Rules first: what is forbidden now ends before anything else can fail. */
  async #change(
    held: HeldNetwork,
    change: Partial<HeldNetwork["state"]>,
    signal: AbortSignal,
  ): Promise<void> {
    held.state = { ...held.state, ...change };
    writeState(held.paths.record, held.state);
    await refreshRules(held, signal);
    await refreshService(held, signal);
  }

  #find(id: string): HeldNetwork | undefined {
    const held = this.#held.get(id) ?? openHeld(this.#stateDirectory, id);
    if (held !== undefined) this.#held.set(id, held);
    return held;
  }

  #mustHold(id: string): HeldNetwork {
    const held = this.#find(id);
    if (held !== undefined) return held;
    throw new Fault("network.not_found", `This host does not have the network ${id} yet: try again.`);
  }

  #forget(id: string): void {
    this.#held.get(id)?.namespace[Symbol.dispose]();
    this.#held.delete(id);
    this.#ensuredAt.delete(id);
  }
}

function needsOf({ spec }: NetworkWish): Need[] {
  return [
    "network",
    ...(spec.kind === "nat" ? (["nat"] as const) : []),
    ...(spec.kind === "bridged" ? (["bridged"] as const) : []),
    ...(spec.vlan !== undefined ? (["vlan"] as const) : []),
    ...(spec.overlay !== undefined ? (["overlay"] as const) : []),
    ...(spec.ipv4 !== undefined || spec.ipv6 !== undefined ? (["addresses"] as const) : []),
  ];
}

const hasLimits = (bandwidth: Bandwidth | undefined): boolean =>
  bandwidth?.inBitsPerSecond !== undefined || bandwidth?.outBitsPerSecond !== undefined;

const nicInUse = ({ vm, nic }: NicId): Fault =>
  new Fault(
    "network.nic_in_use",
    `NIC ${nic} of ${vm} is held by a QEMU that still runs: wait until it has ended.`,
  );
