import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { timestamp } from "@serai/kit/clock";
import { errorChain, Fault } from "@serai/kit/fault";
import { probeAccelerator } from "@serai/hypervisor/accelerator/probe";
import { execInVm } from "@serai/hypervisor/exec-in-vm";
import { findJail, type FoundJail } from "@serai/hypervisor/jail/jail";
import { findQemu, type QemuInfo } from "@serai/hypervisor/qemu-info";
import type { HostReport, HostUsage } from "@serai/model/host";
import type {
  ExecRequest,
  ExecResult,
  ExportWish,
  HostVerb,
  SweepReport,
  VmStream,
} from "@serai/model/host-request";
import type { DiskExportFormat } from "@serai/model/image-format";
import { phaseFor, type SnapshotRecord, type SnapshotReport, type SnapshotVerb } from "@serai/model/snapshot";
import { unseen, type VmRecord, type VmSighting } from "@serai/model/vm";
import { directoryPool } from "@serai/storage/directory/directory-pool";
import { openExports, type Export } from "@serai/storage/exports";
import { imageLibrary } from "@serai/storage/image-library";
import type { HostAgentConfig } from "./config.ts";
import { exportImage, exportVm } from "./export.ts";
import type { HostAgent } from "./host-agent-types.ts";
import { describeHost, sampleUsage } from "./host-facts.ts";
import { removeImage, takeImage } from "./image-steps.ts";
import { launchPlanFor } from "./launch-plan-for.ts";
import { serializePerKey } from "./serialize-per-key.ts";
import { openHostNetworks, type HostNetworks } from "./networks/host-networks.ts";
import { layeredPool } from "./snapshots/layered-pool.ts";
import { snapshotKeeper, type SnapshotKeeper } from "./snapshots/keeper.ts";
import { stale } from "./stale.ts";
import { sweepHost } from "./sweep.ts";
import { assertId, trustedIntents } from "./trusted-intents.ts";
import { isVerbAllowed } from "./verb-allowed.ts";
import { VmDrivers } from "./vm-drivers.ts";
import { openVmGroups, type VmGroups } from "./vm-groups.ts";
import { vmKeeper, type VmKeeper } from "./vm-keeper.ts";
import { openVmUsers } from "./vm-users.ts";

export type { HostAgent } from "./host-agent-types.ts";

/** Opens this host: finds QEMU, adopts the guests that still run, and is then ready for requests. */
export async function createHostAgent(config: HostAgentConfig, signal: AbortSignal): Promise<HostAgent> {
  const directories = {
    vms: join(config.directory, "vms"),
    volumes: join(config.directory, "volumes"),
    images: join(config.directory, "images"),
    cache: join(config.directory, "cache"),
  };
  // Other users may pass through, to reach the one directory that is theirs, but not look around.
  for (const path of [config.directory, ...Object.values(directories)])
    await mkdir(path, { recursive: true, mode: 0o711 });
  const [qemu, jail] = await Promise.all([
    findQemu({ cacheDir: directories.cache }, signal),
    findJail(signal),
  ]);
  const accelerator = await probeAccelerator(
    {
      qemuPath: qemu.path,
      qemuVersion: qemu.version,
      kernelRelease: qemu.kernelRelease,
      cacheDir: directories.cache,
    },
    signal,
  );
  const host = new OpenHost(config, directories, {
    qemu,
    jail,
    accelerator,
    groups: openVmGroups(),
    users: await openVmUsers(directories.volumes, config.isPrivileged),
  });
  await host.adopt(signal);
  return host;
}

type Directories = { vms: string; volumes: string; images: string; cache: string };
type Means = {
  qemu: QemuInfo;
  jail: FoundJail;
  groups: VmGroups;
  accelerator: { kind: "kvm" | "tcg"; reason: string };
  users: Awaited<ReturnType<typeof openVmUsers>>;
};

class OpenHost implements HostAgent {
  readonly #config: HostAgentConfig;
  readonly #directories: Directories;
  readonly #means: Means;
  readonly #intents;
  readonly #pool;
  readonly #images;
  readonly #imageMeans;
  readonly #exports;
  readonly #snapshots: SnapshotKeeper;
  readonly #networks: HostNetworks;
  readonly #drivers: VmDrivers;
  readonly #vms: VmKeeper;
  readonly #startedAt: string;
  readonly #oneAtATime = serializePerKey();

  constructor(config: HostAgentConfig, directories: Directories, means: Means) {
    this.#config = config;
    this.#directories = directories;
    this.#means = means;
    this.#intents = trustedIntents(config.intents);
    this.#pool = layeredPool(directoryPool("default", directories.volumes), directories.vms);
    this.#snapshots = snapshotKeeper({
      directories,
      owner: (vm) => this.#owner(vm),
      now: () => timestamp(config.clock),
    });
    const { directory, isPrivileged, logger } = config;
    this.#networks = openHostNetworks(
      { directory, isPrivileged, intents: this.#intents, logger },
      AbortSignal.timeout(60_000),
    );
    this.#images = imageLibrary(directories.images);
    this.#imageMeans = { config, intents: this.#intents, images: this.#images };
    this.#exports = openExports(join(config.directory, "exports"));
    this.#drivers = new VmDrivers({
      directory: directories.vms,
      ...means,
      logger,
      owner: (vm) => this.#owner(vm),
      provisionedGeneration: (vm) => this.#vms.provisionedGeneration(vm),
      openTaps: (vm, nics, signal) => {
        const record = this.#intents.vm(vm);
        if (record === undefined) throw new Fault("vm.not_found", `There is no VM ${vm} in the store.`);
        return this.#networks.openTaps(record, nics, signal);
      },
    });
    this.#vms = vmKeeper({
      directories,
      ...means,
      intents: this.#intents,
      stores: this.#stores(),
      drivers: this.#drivers,
      networks: this.#networks,
      snapshots: this.#snapshots,
      oneAtATime: this.#oneAtATime,
      owner: (vm) => this.#owner(vm),
    });
    this.#startedAt = timestamp(config.clock);
  }

  async adopt(signal: AbortSignal): Promise<void> {
    for (const vm of await readdir(this.#directories.vms)) {
      try {
        const driver = await this.#drivers.open(vm, signal);
        await this.#snapshots.recover(driver, vm, signal);
      } catch (error) {
        // One VM that cannot be understood must not keep the others from being adopted.
        this.#config.logger.error({ vm, error: errorChain(error) }, "could not adopt");
      }
    }
  }

  async describe(signal: AbortSignal): Promise<HostReport> {
    const { hostId, seraiVersion, isPrivileged } = this.#config;
    const { qemu, accelerator, jail, groups } = this.#means;
    const networks = await this.#networks.features();
    return describeHost(
      {
        hostId,
        seraiVersion,
        isPrivileged,
        startedAt: this.#startedAt,
        qemu,
        accelerator,
        jail,
        groups,
        networks,
        pool: this.#pool,
        poolPath: this.#directories.volumes,
      },
      signal,
    );
  }

  async look(vm: string, _signal: AbortSignal): Promise<VmSighting> {
    assertId(vm);
    const driver = this.#drivers.get(vm);
    if (driver !== undefined) return (await driver).sighting();
    // Most VMs of a long list have never run here: they cost no driver.
    return {
      ...unseen(vm),
      state: "absent",
      provisionedGeneration: await this.#vms.provisionedGeneration(vm),
    };
  }

  act(verb: HostVerb, vm: string, generation: number, signal: AbortSignal): Promise<VmSighting> {
    assertId(vm);
    return this.#oneAtATime(vm, async () => {
      signal.throwIfAborted();
      const record = this.#currentRecord(vm, generation);
      const seen = await this.look(vm, signal);
      if (!isVerbAllowed(verb, record, seen)) {
        throw new Fault(
          "vm.wrong_state",
          `The stored intent of VM ${vm} gives no reason to ${verb.replaceAll("_", " ")} it.`,
        );
      }
      await this.#perform(verb, record, signal);
      return this.look(vm, signal);
    });
  }

  sightings(signal: AbortSignal): AsyncIterable<VmSighting> {
    return this.#drivers.sightings(signal);
  }

  async usage(signal: AbortSignal): Promise<HostUsage> {
    return sampleUsage(await this.#drivers.opened(), timestamp(this.#config.clock), signal);
  }

  async exec(vm: string, request: ExecRequest, signal: AbortSignal): Promise<ExecResult> {
    const driver = await this.#drivers.running(vm);
    return execInVm(driver.agent(), request, signal);
  }

  async screenshot(vm: string, signal: AbortSignal): Promise<Uint8Array> {
    return (await this.#drivers.running(vm)).screenshot(signal);
  }

  async openStream(vm: string, stream: VmStream, signal: AbortSignal): Promise<Duplex> {
    return (await this.#drivers.running(vm)).openStream(stream, signal);
  }

  takeImage(image: string, generation: number, signal: AbortSignal) {
    assertId(image);
    return this.#oneAtATime(image, () => takeImage(image, generation, this.#imageMeans, signal));
  }

  removeImage(image: string, _generation: number, signal: AbortSignal): Promise<void> {
    assertId(image);
    return this.#oneAtATime(image, () => removeImage(image, this.#imageMeans, signal));
  }

  exportImage(image: string, format: DiskExportFormat, signal: AbortSignal): Promise<Export> {
    assertId(image);
    return this.#oneAtATime(image, () =>
      exportImage(image, format, { images: this.#images, exports: this.#exports }, signal),
    );
  }

  exportVm(vm: string, { format, disk }: ExportWish, signal: AbortSignal): Promise<Export> {
    assertId(vm);
    return this.#oneAtATime(vm, async () => {
      const record = this.#intents.vm(vm);
      if (record === undefined) throw new Fault("vm.not_found", `There is no VM ${vm} in the store.`);
      const { state } = await this.look(vm, signal);
      if (state !== "absent")
        throw new Fault("vm.wrong_state", `${record.spec.name} is ${state}: stop it before it is exported.`);
      await this.#vms.provision(record, signal);
      const owner = this.#owner(vm);
      const wish = {
        record,
        format,
        ...(disk !== undefined && { disk }),
        ...(owner !== undefined && { owner }),
      };
      return exportVm(wish, { ...this.#stores(), exports: this.#exports }, signal);
    });
  }

  actOnSnapshot(
    verb: SnapshotVerb,
    id: string,
    generation: number,
    signal: AbortSignal,
  ): Promise<SnapshotReport> {
    assertId(id);
    const vm = this.#snapshotFor(verb, id, generation).vm;
    return this.#oneAtATime(vm, async () => {
      const snapshot = this.#snapshotFor(verb, id, generation); // read again: it may have waited
      const record = this.#intents.vm(vm);
      if (record === undefined || record.isDeleting)
        throw new Fault("vm.not_found", `There is no VM ${vm} in the store.`);
      await this.#vms.provision(record, signal);
      const plan = await launchPlanFor(record, this.#stores(), signal);
      const driver = await this.#drivers.open(vm, signal);
      return this.#snapshots.act({ verb, snapshot, plan, driver }, signal);
    });
  }

  #snapshotFor(verb: SnapshotVerb, id: string, generation: number): SnapshotRecord {
    const snapshot = this.#intents.snapshot(id);
    if (snapshot === undefined)
      throw new Fault("snapshot.not_found", `There is no snapshot ${id} in the store.`);
    if (snapshot.generation !== generation) throw stale("snapshot", id, snapshot.generation);
    if (snapshot.phase === phaseFor[verb]) return snapshot;
    throw new Fault("vm.wrong_state", `The stored intent of snapshot ${id} gives no reason to ${verb} it.`);
  }

  ensureNetwork(network: string, generation: number, signal: AbortSignal): Promise<void> {
    assertId(network);
    return this.#oneAtATime(network, () => this.#networks.ensure(network, generation, signal));
  }

  removeNetwork(network: string, generation: number, signal: AbortSignal): Promise<void> {
    assertId(network);
    return this.#oneAtATime(network, () => this.#networks.remove(network, generation, signal));
  }

  applyNetworkRules(network: string, signal: AbortSignal): Promise<void> {
    assertId(network);
    return this.#oneAtATime(network, () => this.#networks.applyRules(network, signal));
  }

  async sweep(signal: AbortSignal): Promise<SweepReport> {
    const { removed } = await sweepHost(
      {
        directories: this.#directories,
        intents: this.#intents,
        isBusy: (vm) => this.#drivers.has(vm),
        release: (vm) => this.#oneAtATime(vm, () => this.#vms.remove(vm, signal)),
      },
      signal,
    );
    return { removed: [...removed, ...(await this.#networks.sweep(signal))] };
  }

  async close(): Promise<void> {
    await this.#drivers.close();
    await this.#networks.close();
  }

  #currentRecord(vm: string, generation: number): VmRecord {
    const record = this.#intents.vm(vm);
    if (record === undefined) throw new Fault("vm.not_found", `There is no VM ${vm} in the store.`);
    if (record.generation !== generation) throw stale("VM", vm, record.generation);
    return record;
  }

  async #perform(verb: HostVerb, record: VmRecord, signal: AbortSignal): Promise<void> {
    const vm = record.id;
    switch (verb) {
      case "provision":
        return this.#vms.provision(record, signal);
      case "remove":
        return this.#vms.remove(vm, signal);
      case "launch": {
        await this.#vms.provision(record, signal);
        const driver = await this.#drivers.open(vm, signal);
        await this.#snapshots.beforeLaunch(driver, vm, signal);
        return driver.launch(await launchPlanFor(record, this.#stores(), signal), signal);
      }
      case "reset":
        return (await this.#drivers.open(vm, signal)).reset(record.resetCount, signal);
      case "shut_down":
        return (await this.#drivers.open(vm, signal)).shutDown(signal);
      case "discard_suspend":
        return (await this.#drivers.open(vm, signal)).discardSuspend(signal);
      default:
        return (await this.#drivers.open(vm, signal))[verb](signal);
    }
  }

  #stores() {
    return { pool: this.#pool, images: this.#images };
  }

  #owner(vm: string): { uid: number; gid: number } | undefined {
    const uid = this.#means.users.of(vm);
    return uid === undefined ? undefined : { uid, gid: uid };
  }
}
