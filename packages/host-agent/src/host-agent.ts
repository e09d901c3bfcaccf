import { existsSync } from "node:fs";
import { chown, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { AsyncQueue } from "@serai/kit/async-queue";
import { timestamp } from "@serai/kit/clock";
import { errorChain, Fault } from "@serai/kit/fault";
import { probeAccelerator } from "@serai/hypervisor/accelerator/probe";
import { execInVm } from "@serai/hypervisor/exec-in-vm";
import { findJail, type FoundJail } from "@serai/hypervisor/jail/jail";
import { findQemu, type QemuInfo } from "@serai/hypervisor/qemu-info";
import { openVmDriver, type VmDriver } from "@serai/hypervisor/vm-driver";
import type { HostReport, HostUsage } from "@serai/model/host";
import type {
  ExecRequest,
  ExecResult,
  ExportWish,
  HostVerb,
  ImageFacts,
  SweepReport,
  VmStream,
} from "@serai/model/host-request";
import type { ImageGuest, ImageKind } from "@serai/model/image";
import type { DiskExportFormat } from "@serai/model/image-format";
import { phaseFor, type SnapshotRecord, type SnapshotReport, type SnapshotVerb } from "@serai/model/snapshot";
import { unseen, type CloneOrigin, type VmRecord, type VmSighting } from "@serai/model/vm";
import { directoryPool } from "@serai/storage/directory/directory-pool";
import { openExports, type Export } from "@serai/storage/exports";
import { imageLibrary } from "@serai/storage/image-library";
import { findBuiltinImage } from "./builtin-images.ts";
import type { HostAgentConfig } from "./config.ts";
import { exportImage, exportVm } from "./export.ts";
import { describeHost, sampleUsage } from "./host-facts.ts";
import { launchPlanFor, provisionVolumes } from "./launch-plan-for.ts";
import { readProvisionNote, writeProvisionNote } from "./provision-note.ts";
import { serializePerKey } from "./serialize-per-key.ts";
import { openHostNetworks, type HostNetworks } from "./networks/host-networks.ts";
import { layeredPool } from "./snapshots/layered-pool.ts";
import { snapshotKeeper, type SnapshotKeeper } from "./snapshots/keeper.ts";
import { sweepHost } from "./sweep.ts";
import { assertId, trustedIntents } from "./trusted-intents.ts";
import { isVerbAllowed } from "./verb-allowed.ts";
import { openVmGroups, type VmGroups } from "./vm-groups.ts";
import { openVmUsers } from "./vm-users.ts";

/** What a host offers its controllers. The same promises as control's `HostLink`; wired to it by the daemon. */
export type HostAgent = {
  describe(signal: AbortSignal): Promise<HostReport>;
  look(vm: string, signal: AbortSignal): Promise<VmSighting>;
  act(verb: HostVerb, vm: string, generation: number, signal: AbortSignal): Promise<VmSighting>;
  sightings(signal: AbortSignal): AsyncIterable<VmSighting>;
  usage(signal: AbortSignal): Promise<HostUsage>;
  exec(vm: string, request: ExecRequest, signal: AbortSignal): Promise<ExecResult>;
  screenshot(vm: string, signal: AbortSignal): Promise<Uint8Array>;
  openStream(vm: string, stream: VmStream, signal: AbortSignal): Promise<Duplex>;
  takeImage(
    image: string,
    generation: number,
    signal: AbortSignal,
  ): Promise<ImageFacts & { kind: ImageKind; guest?: ImageGuest }>;
  removeImage(image: string, generation: number, signal: AbortSignal): Promise<void>;
  exportImage(image: string, format: DiskExportFormat, signal: AbortSignal): Promise<Export>;
  exportVm(vm: string, wish: ExportWish, signal: AbortSignal): Promise<Export>;
  actOnSnapshot(
    verb: SnapshotVerb,
    snapshot: string,
    generation: number,
    signal: AbortSignal,
  ): Promise<SnapshotReport>;
  ensureNetwork(network: string, generation: number, signal: AbortSignal): Promise<void>;
  removeNetwork(network: string, generation: number, signal: AbortSignal): Promise<void>;
  applyNetworkRules(network: string, signal: AbortSignal): Promise<void>;
  sweep(signal: AbortSignal): Promise<SweepReport>;
  /** Lets go of every guest without touching it. */
  close(): Promise<void>;
};

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
  readonly #exports;
  readonly #snapshots: SnapshotKeeper;
  readonly #networks: HostNetworks;
  readonly #startedAt: string;
  readonly #drivers = new Map<string, Promise<VmDriver>>();
  readonly #subscribers = new Set<AsyncQueue<VmSighting>>();
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
    this.#exports = openExports(join(config.directory, "exports"));
    this.#startedAt = timestamp(config.clock);
  }

  async adopt(signal: AbortSignal): Promise<void> {
    for (const vm of await readdir(this.#directories.vms)) {
      try {
        const driver = await this.#driver(vm, signal);
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
    return { ...unseen(vm), state: "absent", provisionedGeneration: await this.#provisionedGeneration(vm) };
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

  async *sightings(signal: AbortSignal): AsyncIterable<VmSighting> {
    signal.throwIfAborted();
    const queue = new AsyncQueue<VmSighting>(100_000);
    this.#subscribers.add(queue);
    const onAbort = () => queue.end();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      for (const driver of this.#drivers.values()) {
        const settled = await driver.catch(() => undefined); // reported when it was opened
        if (settled !== undefined) yield settled.sighting();
      }
      yield* queue;
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#subscribers.delete(queue);
    }
  }

  async usage(signal: AbortSignal): Promise<HostUsage> {
    const drivers = await Promise.allSettled(this.#drivers.values());
    return sampleUsage(
      drivers.flatMap((settled) => (settled.status === "fulfilled" ? [settled.value] : [])),
      timestamp(this.#config.clock),
      signal,
    );
  }

  async exec(vm: string, request: ExecRequest, signal: AbortSignal): Promise<ExecResult> {
    const driver = await this.#running(vm);
    return execInVm(driver.agent(), request, signal);
  }

  async screenshot(vm: string, signal: AbortSignal): Promise<Uint8Array> {
    return (await this.#running(vm)).screenshot(signal);
  }

  async openStream(vm: string, stream: VmStream, signal: AbortSignal): Promise<Duplex> {
    return (await this.#running(vm)).openStream(stream, signal);
  }

  takeImage(image: string, generation: number, signal: AbortSignal) {
    assertId(image);
    return this.#oneAtATime(image, async () => {
      const record = this.#intents.image(image);
      if (record === undefined)
        throw new Fault("image.not_found", `There is no image ${image} in the store.`);
      if (record.generation !== generation) throw stale("image", image, record.generation);
      if (record.source.kind === "builtin") {
        return this.#images.takeBuiltin(
          image,
          await findBuiltinImage(this.#config.builtinImages, record.source.name),
          signal,
        );
      }
      if (record.format === undefined)
        throw new Fault("image.unreadable", `The format of image ${image} was not declared.`);
      const sha256 = record.sha256 ?? (record.source.kind === "url" ? record.source.sha256 : undefined);
      const path = join(this.#config.spoolDirectory, image);
      return this.#images.takeSpooled(
        image,
        { path, format: record.format, ...(sha256 !== undefined && { sha256 }) },
        signal,
      );
    });
  }

  removeImage(image: string, _generation: number, signal: AbortSignal): Promise<void> {
    assertId(image);
    return this.#oneAtATime(image, async () => {
      const record = this.#intents.image(image);
      if (record !== undefined && record.phase !== "removing" && record.phase !== "failed") {
        throw new Fault("image.in_use", `The stored intent of image ${image} is not to remove it.`);
      }
      await this.#images.remove(image, signal);
    });
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
      await this.#provision(record, signal);
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
      await this.#provision(record, signal);
      const plan = await launchPlanFor(record, this.#stores(), signal);
      const driver = await this.#driver(vm, signal);
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
        release: (vm) => this.#oneAtATime(vm, () => this.#removeEverything(vm, signal)),
      },
      signal,
    );
    return { removed: [...removed, ...(await this.#networks.sweep(signal))] };
  }

  async close(): Promise<void> {
    for (const queue of this.#subscribers) queue.end();
    const drivers = await Promise.allSettled(this.#drivers.values());
    await Promise.all(
      drivers.map(async (settled) => (settled.status === "fulfilled" ? settled.value.close() : undefined)),
    );
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
        return this.#provision(record, signal);
      case "remove":
        return this.#removeEverything(vm, signal);
      case "launch": {
        await this.#provision(record, signal);
        const driver = await this.#driver(vm, signal);
        await this.#snapshots.beforeLaunch(driver, vm, signal);
        return driver.launch(await launchPlanFor(record, this.#stores(), signal), signal);
      }
      case "reset":
        return (await this.#driver(vm, signal)).reset(record.resetCount, signal);
      case "shut_down":
        return (await this.#driver(vm, signal)).shutDown(signal);
      case "discard_suspend":
        return (await this.#driver(vm, signal)).discardSuspend(signal);
      default:
        return (await this.#driver(vm, signal))[verb](signal);
    }
  }

  #stores() {
    return { pool: this.#pool, images: this.#images };
  }

  #owner(vm: string): { uid: number; gid: number } | undefined {
    const uid = this.#means.users.of(vm);
    return uid === undefined ? undefined : { uid, gid: uid };
  }

  async #provision(record: VmRecord, signal: AbortSignal): Promise<void> {
    if ((await this.#provisionedGeneration(record.id)) >= record.generation) return;
    const folder = join(this.#directories.volumes, record.id);
    const owner = this.#owner(record.id);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    if (owner !== undefined) await chown(folder, owner.uid, owner.gid);
    if (record.origin !== undefined && !existsSync(join(folder, "provisioned.json")))
      await this.#cloneVolumes(record, record.origin, signal);
    await provisionVolumes(record, owner, this.#stores(), signal);
    await this.#networks.prepare(record, signal);
    await writeProvisionNote(folder, record.generation);
    (await this.#drivers.get(record.id))?.note({ provisionedGeneration: record.generation });
  }

  async #cloneVolumes(record: VmRecord, origin: CloneOrigin, signal: AbortSignal): Promise<void> {
    // A clone's turn holds its origin's turn, never the other way round: an origin is always the older one.
    await this.#oneAtATime(origin.vm, async () => {
      const source = this.#intents.vm(origin.vm);
      if (source === undefined || source.isDeleting)
        throw new Fault("vm.wrong_state", "The VM to clone is gone.");
      await this.#provision(source, signal);
      const plan = await launchPlanFor(source, this.#stores(), signal);
      const [driver, from] = [await this.#driver(record.id, signal), await this.#driver(source.id, signal)];
      await this.#snapshots.clone({ origin, vm: record.id, driver, from: { plan, driver: from } }, signal);
    });
  }

  #provisionedGeneration(vm: string): Promise<number> {
    return readProvisionNote(join(this.#directories.volumes, vm));
  }

  async #removeEverything(vm: string, signal: AbortSignal): Promise<void> {
    const isKnown = this.#drivers.has(vm) || (await readdir(this.#directories.vms)).includes(vm);
    if (isKnown) {
      const driver = await this.#driver(vm, signal);
      await driver.kill(signal);
      await driver.remove(signal);
      await driver.close();
      this.#drivers.delete(vm);
    }
    await this.#means.groups.remove(vm, signal);
    await this.#pool.removeVolumes(vm, signal);
    await rm(join(this.#directories.vms, vm), { recursive: true, force: true });
    await this.#networks.forget(vm, signal);
    this.#means.users.forget(vm);
  }

  /** The one driver of a VM; opened at its first use, and again after a failed opening. */
  #driver(vm: string, signal: AbortSignal): Promise<VmDriver> {
    const known = this.#drivers.get(vm);
    if (known !== undefined) return known;
    const opening = this.#openDriver(vm, signal);
    this.#drivers.set(vm, opening);
    opening.catch(() => this.#drivers.delete(vm));
    return opening;
  }

  async #openDriver(vm: string, signal: AbortSignal): Promise<VmDriver> {
    const { qemu, accelerator, jail, groups } = this.#means;
    const owner = this.#owner(vm);
    const cgroup = groups.of(vm, accelerator.kind);
    const driver = await openVmDriver(
      {
        directory: join(this.#directories.vms, vm),
        qemu: { path: qemu.path, version: qemu.version },
        accelerator: accelerator.kind,
        ...owner,
        ...(jail.jail !== undefined && { jail: jail.jail }),
        ...(cgroup !== undefined && { cgroup }),
        ...(qemu.firmware !== undefined && { firmware: qemu.firmware }),
        openTaps: (nics, inner) => {
          const record = this.#intents.vm(vm);
          if (record === undefined) throw new Fault("vm.not_found", `There is no VM ${vm} in the store.`);
          return this.#networks.openTaps(record, nics, inner);
        },
        logger: this.#config.logger,
        onChange: (sighting) => {
          for (const queue of this.#subscribers) {
            // A reader this far behind must begin anew rather than miss one.
            if (!queue.push(sighting))
              queue.end(
                new Fault("host.unreachable", "The reader of sightings fell behind; read them anew."),
              );
          }
        },
      },
      signal,
    );
    driver.note({ provisionedGeneration: await this.#provisionedGeneration(vm) });
    return driver;
  }

  async #running(vm: string): Promise<VmDriver> {
    assertId(vm);
    const driver = await this.#drivers.get(vm);
    const state = driver?.sighting().state;
    if (driver === undefined || state === "absent" || state === "suspended" || state === "starting") {
      throw new Fault("vm.wrong_state", `VM ${vm} is not running; start it first.`);
    }
    return driver;
  }
}

const stale = (what: string, id: string, generation: number): Fault =>
  new Fault("vm.stale_generation", `The store has ${what} ${id} at generation ${generation}; read it again.`);
