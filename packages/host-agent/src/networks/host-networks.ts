import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { errorChain, Fault, isFault } from "@serai/kit/fault";
import type { Logger } from "@serai/kit/logger";
import type { OpenTap } from "@serai/hypervisor/vm-driver-types";
import type { HostReport } from "@serai/model/host";
import { userNetwork, type NetworkRecord } from "@serai/model/network";
import type { VmRecord } from "@serai/model/vm";
import type { CompleteNic } from "@serai/model/vm-spec";
import type { NetworkDriver, NicTable } from "@serai/network/network-driver";
import type { Intents } from "../intent-source.ts";
import { attachmentOf, attachmentsOf } from "./attachments.ts";
import { networkFeatures } from "./network-features.ts";

type Options = { directory: string; isPrivileged: boolean; intents: Intents; logger: Logger };

/** The networks of this host, as the store's intent says. Requests name them; what they are is read here. */
export type HostNetworks = {
  features(): Promise<HostReport["features"]>;
  /** Makes the network, or brings it in line. Throws `vm.stale_generation`, `network.*`. */
  ensure(network: string, generation: number, signal: AbortSignal): Promise<void>;
  /** Refuses unless intent says so, and while a guest holds a tap. */
  remove(network: string, generation: number, signal: AbortSignal): Promise<void>;
  /** Brings groups, addresses and names of a network in line; nothing where it does not exist. */
  applyRules(network: string, signal: AbortSignal): Promise<void>;
  /** Plugs a launch's NICs; all or none. */
  openTaps(vm: VmRecord, nics: readonly CompleteNic[], signal: AbortSignal): Promise<OpenTap[]>;
  /** Does the slow part of the first plug beforehand. */
  prepare(vm: VmRecord, signal: AbortSignal): Promise<void>;
  /** Forgets all NICs of a VM whose QEMU is gone. */
  forget(vm: string, signal: AbortSignal): Promise<void>;
  /** Removes the networks that have no record; sentences about what was removed. */
  sweep(signal: AbortSignal): Promise<string[]>;
  close(): Promise<void>;
};

/** Rules may be lost without a trace, so the same ones are loaded again after this. */
const trustMs = 60_000;

/** Networks need root; where we are not, none of this host's code for them is loaded. */
export function openHostNetworks(options: Options, signal: AbortSignal): HostNetworks {
  const opening = options.isPrivileged ? openDriver(options, signal) : Promise.resolve(undefined);
  return new OpenNetworks(options, opening);
}

async function openDriver(
  { directory, logger }: Options,
  signal: AbortSignal,
): Promise<NetworkDriver | undefined> {
  try {
    const { openNetworkDriver } = await import("@serai/network/namespace/open-network-driver");
    return await openNetworkDriver({ stateDirectory: join(directory, "networks"), logger }, signal);
  } catch (error) {
    logger.error({ error: errorChain(error) }, "this host can make no networks");
    return undefined;
  }
}

class OpenNetworks implements HostNetworks {
  readonly #intents: Intents;
  readonly #logger: Logger;
  readonly #opening: Promise<NetworkDriver | undefined>;
  readonly #applied = new Map<string, { table: string; atMs: number }>();

  constructor({ intents, logger }: Options, opening: Promise<NetworkDriver | undefined>) {
    this.#intents = intents;
    this.#logger = logger;
    this.#opening = opening;
  }

  async features(): Promise<HostReport["features"]> {
    return networkFeatures((await this.#opening)?.can.features);
  }

  async ensure(network: string, generation: number, signal: AbortSignal): Promise<void> {
    const record = this.#current(network, generation);
    if (record.isDeleting)
      throw new Fault("network.not_found", `Network ${record.spec.name} is being deleted.`);
    await (await this.#driver()).ensure(wishOf(record), signal);
  }

  async remove(network: string, generation: number, signal: AbortSignal): Promise<void> {
    const record = this.#current(network, generation);
    if (!record.isDeleting)
      throw new Fault("network.in_use", `Network ${record.spec.name} is not to be removed.`);
    this.#applied.delete(network);
    await (await this.#opening)?.remove(network, signal);
  }

  async applyRules(network: string, signal: AbortSignal): Promise<void> {
    const driver = await this.#opening;
    const known = driver?.list().find(({ id }) => id === network);
    if (driver === undefined || known === undefined) return;
    const table = this.#tableOf(network);
    for (const { vm, nic, isLive } of known.nics) {
      const isWanted = table.nics.some((other) => other.vm === vm && other.nic === nic);
      if (!isWanted && !isLive) await driver.unplug({ network, vm, nic }, signal);
    }
    await this.#apply(driver, network, table, signal);
  }

  async openTaps(vm: VmRecord, nics: readonly CompleteNic[], signal: AbortSignal): Promise<OpenTap[]> {
    const driver = await this.#driver();
    const taps: OpenTap[] = [];
    try {
      for (const nic of nics)
        taps.push({ nic: nic.name, ...(await this.#plug(driver, { vm, nic }, signal)) });
      return taps;
    } catch (error) {
      for (const tap of taps) tap.close();
      throw error;
    }
  }

  async #plug(driver: NetworkDriver, { vm, nic }: { vm: VmRecord; nic: CompleteNic }, signal: AbortSignal) {
    const attachment = attachmentOf(vm, nic);
    const plug = async () => {
      const { fd, mtu, close } = await driver.plug(attachment, signal);
      return { fd, mtu, close };
    };
    try {
      return await plug();
    } catch (error) {
      // The machine was restarted, or nobody used the network so far.
      if (!isFault(error, "network.not_found")) throw error;
      await this.#make(driver, nic.network, signal);
      return plug();
    }
  }

  async prepare(vm: VmRecord, signal: AbortSignal): Promise<void> {
    const driver = await this.#opening;
    for (const nic of vm.spec.nics) {
      if (nic.network === userNetwork || driver === undefined) continue;
      if (
        driver
          .list()
          .some(({ nics }) =>
            nics.some((known) => known.vm === vm.id && known.nic === nic.name && known.isLive),
          )
      )
        continue;
      await this.#make(driver, nic.network, signal);
      (await this.#plug(driver, { vm, nic }, signal)).close();
    }
  }

  async forget(vm: string, signal: AbortSignal): Promise<void> {
    const driver = await this.#opening;
    for (const { id: network, nics } of driver?.list() ?? []) {
      for (const known of nics)
        if (known.vm === vm) await driver?.unplug({ network, vm, nic: known.nic }, signal);
    }
  }

  async sweep(signal: AbortSignal): Promise<string[]> {
    const driver = await this.#opening;
    // Listed before the intents are read: what is made in between already has its record by then.
    const present = driver?.list() ?? [];
    const wanted = this.#intents.networkIds();
    const removed: string[] = [];
    for (const { id, nics } of present) {
      if (wanted.has(id) || nics.some(({ isLive }) => isLive)) continue;
      await driver?.remove(id, signal);
      removed.push(`network ${id}: its record is gone`);
    }
    return removed;
  }

  async close(): Promise<void> {
    (await this.#opening)?.close();
  }

  async #make(driver: NetworkDriver, network: string, signal: AbortSignal): Promise<void> {
    const record = this.#intents.network(network);
    if (record === undefined || record.isDeleting)
      throw new Fault("network.not_found", `There is no network ${network}.`);
    await driver.ensure(wishOf(record), signal);
    await this.#apply(driver, network, this.#tableOf(network), signal);
  }

  async #apply(driver: NetworkDriver, network: string, table: NicTable, signal: AbortSignal): Promise<void> {
    const text = JSON.stringify(table);
    const before = this.#applied.get(network);
    if (before?.table === text && performance.now() - before.atMs < trustMs) return;
    await driver.applyRules(network, table, signal);
    await limitAnew(driver, table.nics, before && (JSON.parse(before.table) as NicTable).nics, signal);
    this.#applied.set(network, { table: text, atMs: performance.now() });
    this.#logger.debug({ network, nics: table.nics.length }, "rules are in line");
  }

  /** All NICs of the network, and the groups that they name. */
  #tableOf(network: string): NicTable {
    const nics = this.#intents.vmsNaming(network).flatMap((vm) => attachmentsOf(vm, network));
    const named = new Set(nics.flatMap(({ groups }) => groups));
    return { nics, groups: this.#intents.securityGroups().filter(({ name }) => named.has(name)) };
  }

  #current(network: string, generation: number): NetworkRecord {
    const record = this.#intents.network(network);
    if (record === undefined)
      throw new Fault("network.not_found", `There is no network ${network} in the store.`);
    if (record.generation === generation) return record;
    throw new Fault(
      "vm.stale_generation",
      `The store has network ${network} at generation ${record.generation}; read it again.`,
    );
  }

  async #driver(): Promise<NetworkDriver> {
    const driver = await this.#opening;
    if (driver !== undefined) return driver;
    throw new Fault(
      "network.unsupported",
      "Networks need root: run Serai as a service, or give NICs the network user.",
    );
  }
}

/** Rules come as a whole; limits are told apart, to the NICs whose limits changed. A plug brings its own. */
async function limitAnew(
  driver: NetworkDriver,
  nics: NicTable["nics"],
  before: NicTable["nics"] | undefined,
  signal: AbortSignal,
): Promise<void> {
  for (const { network, vm, nic, bandwidth = {} } of nics) {
    const old = before?.find((other) => other.vm === vm && other.nic === nic)?.bandwidth ?? {};
    if (!isDeepStrictEqual(old, bandwidth))
      await driver.setBandwidth({ network, vm, nic }, bandwidth, signal);
  }
}

const wishOf = ({ id, spec }: NetworkRecord) => ({ id, spec });
