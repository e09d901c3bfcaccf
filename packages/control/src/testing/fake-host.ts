import { PassThrough, Readable, type Duplex } from "node:stream";
import { AsyncQueue } from "@serai/kit/async-queue";
import { Fault, type FaultCode } from "@serai/kit/fault";
import type { HostReport, HostUsage } from "@serai/model/host";
import type { ExecResult, HostVerb, SweepReport } from "@serai/model/host-request";
import type { ImageRecord } from "@serai/model/image";
import type { NetworkRecord } from "@serai/model/network";
import { unseen, type ExitCause, type VmRecord, type VmSighting } from "@serai/model/vm";
import type { ExportStream, HostLink } from "../host-link.ts";

export type FakeHostOptions = {
  /** Intent as the store has it; the host reads it itself. */
  vm: (id: string) => VmRecord | undefined;
  image: (id: string) => ImageRecord | undefined;
  network?: (id: string) => NetworkRecord | undefined;
  memoryBytes?: number;
};

export type FakeHost = HostLink & {
  /** Every process there is: at most one per VM. */
  processes(): string[];
  /** Everything it keeps for VMs and images. */
  holdings(): { vms: string[]; images: string[]; networks: string[] };
  isReachable: boolean;
  /** Thrown by the next step of this kind, once. */
  failNext(verb: HostVerb | "takeImage" | "ensureNetwork", code: FaultCode, message?: string): void;
  /** The guest's own doing, or the world's. */
  end(vm: string, cause: ExitCause): void;
  trouble(vm: string, kind: "guest_panic" | "guest_hang"): void;
  /** Shut-downs are heard only when guests obey. */
  areGuestsObedient: boolean;
  /** How many times each kind of step was taken. */
  steps: Map<string, number>;
};

const report: HostReport = {
  id: "host-000000000000",
  name: "fake",
  seraiVersion: "0",
  kernel: "0",
  cpus: 64,
  memoryBytes: 64 * 1024 ** 3,
  memoryAvailableBytes: 64 * 1024 ** 3,
  accelerator: { kind: "tcg", reason: "fake" },
  qemu: { path: "/fake", version: "7.2.0", machineTypes: ["pc-q35-7.2"], defaultMachineType: "pc-q35-7.2" },
  firmware: ["bios"],
  pools: [],
  isPrivileged: false,
  features: [],
  startedAt: "2026-01-01T00:00:00.000Z",
};

/** A host in memory, with the manners of a real one: it refuses stale generations and what intent gives no reason for. */
export function fakeHost(options: FakeHostOptions): FakeHost {
  return new InMemoryHost(options);
}

class InMemoryHost implements FakeHost {
  isReachable = true;
  areGuestsObedient = true;
  readonly steps = new Map<string, number>();
  readonly #options: FakeHostOptions;
  readonly #guests = new Map<string, VmSighting>();
  readonly #images = new Set<string>();
  readonly #networks = new Set<string>();
  readonly #followers = new Set<AsyncQueue<VmSighting>>();
  readonly #failures = new Map<string, Fault>();
  #lastMs = Date.parse("2026-01-01T00:00:00.000Z");

  constructor(options: FakeHostOptions) {
    this.#options = options;
  }

  processes(): string[] {
    return [...this.#guests.values()].filter(hasProcess).map(({ vm }) => vm);
  }

  holdings(): { vms: string[]; images: string[]; networks: string[] } {
    return { vms: [...this.#guests.keys()], images: [...this.#images], networks: [...this.#networks] };
  }

  failNext(verb: string, code: FaultCode, message = `The fake host was told to fail: ${code}.`): void {
    this.#failures.set(verb, new Fault(code, message));
  }

  end(vm: string, cause: ExitCause): void {
    const { pid: _pid, startedAt: _startedAt, trouble, ...rest } = this.#seen(vm);
    if (!hasProcess(rest)) return;
    const exit = {
      cause: trouble?.kind ?? cause,
      at: this.#moment(),
      generation: rest.generation,
      detail: `It ended: ${cause}.`,
    };
    this.#show({ ...rest, state: "absent", agent: "none", exit });
  }

  trouble(vm: string, kind: "guest_panic" | "guest_hang"): void {
    this.#show({ ...this.#seen(vm), trouble: { kind, at: this.#moment() } });
  }

  async describe(): Promise<HostReport> {
    this.#reach();
    return { ...report, memoryBytes: this.#options.memoryBytes ?? report.memoryBytes };
  }

  async look(vm: string): Promise<VmSighting> {
    this.#reach();
    return this.#seen(vm);
  }

  async act(verb: HostVerb, vm: string, generation: number, signal: AbortSignal): Promise<VmSighting> {
    this.#reach();
    signal.throwIfAborted();
    const record = this.#options.vm(vm);
    if (record === undefined) throw new Fault("vm.not_found", `There is no VM ${vm}.`);
    if (record.generation !== generation) throw stale();
    const isWantedUp = !record.isDeleting && (record.power === "running" || record.power === "paused");
    if (verb === "launch" && !isWantedUp) throw new Fault("vm.wrong_state", "It is not to run.");
    if (verb === "remove" && !record.isDeleting)
      throw new Fault("vm.wrong_state", "It is not to be removed.");
    this.#count(verb);
    this.#perform(verb, record, this.#seen(vm));
    return this.#seen(vm);
  }

  async *sightings(signal: AbortSignal): AsyncGenerator<VmSighting> {
    this.#reach();
    signal.throwIfAborted();
    const queue = new AsyncQueue<VmSighting>();
    const stop = () => queue.end();
    signal.addEventListener("abort", stop, { once: true });
    this.#followers.add(queue);
    try {
      for (const sighting of this.#guests.values()) yield structuredClone(sighting);
      yield* queue;
    } finally {
      this.#followers.delete(queue);
      signal.removeEventListener("abort", stop);
    }
  }

  async usage(): Promise<HostUsage> {
    this.#reach();
    const at = this.#moment();
    return { at, cpuSeconds: { busy: 0, total: 1 }, memoryBytes: 1, memoryAvailableBytes: 1, vms: [] };
  }

  async exec(vm: string): Promise<ExecResult> {
    this.#reach();
    if (!hasProcess(this.#seen(vm))) throw new Fault("vm.wrong_state", "It is not running.");
    return { exitCode: 0, stdoutBase64: "", stderrBase64: "", isTruncated: false };
  }

  async screenshot(): Promise<Uint8Array> {
    this.#reach();
    return new Uint8Array([0x89, 0x50, 0x4e, 0x47]);
  }

  async exportImage(image: string): Promise<ExportStream> {
    if (!this.#images.has(image)) throw new Fault("image.not_ready", "It is not here.");
    return { content: Readable.from([Buffer.from("disk")]), sizeBytes: 4 };
  }

  async exportVm(vm: string): Promise<ExportStream> {
    if (hasProcess(this.#seen(vm))) throw new Fault("vm.wrong_state", "Stop it first.");
    return { content: Readable.from([Buffer.from("disk")]), sizeBytes: 4 };
  }

  async openStream(): Promise<Duplex> {
    this.#reach();
    return new PassThrough();
  }

  async takeImage(image: string, generation: number): ReturnType<HostLink["takeImage"]> {
    this.#reach();
    const record = this.#options.image(image);
    if (record?.generation !== generation) throw stale();
    this.#count("takeImage");
    this.#images.add(image);
    const isKernel = record.source.kind === "builtin";
    return {
      kind: isKernel ? "kernel" : "disk",
      format: "raw",
      virtualSizeBytes: isKernel ? 0 : 1024 * 1024,
      sizeBytes: record.sizeBytes ?? 1,
      sha256: "0".repeat(64),
    };
  }

  async removeImage(image: string): Promise<void> {
    this.#reach();
    this.#images.delete(image);
  }

  async actOnSnapshot(): ReturnType<HostLink["actOnSnapshot"]> {
    this.#reach();
    return { takenAt: this.#moment(), pauseMs: 0, isQuiesced: true, memoryBytes: 0, disks: [] };
  }

  async ensureNetwork(network: string, generation: number): Promise<void> {
    this.#reach();
    const record = this.#options.network?.(network);
    if (record === undefined) throw new Fault("network.not_found", `There is no network ${network}.`);
    if (record.generation !== generation) throw stale();
    this.#count("ensureNetwork");
    this.#networks.add(network);
  }

  async removeNetwork(network: string, generation: number): Promise<void> {
    this.#reach();
    const record = this.#options.network?.(network);
    if (record?.generation !== generation) throw stale();
    if (!record.isDeleting) throw new Fault("network.in_use", "It is not to be removed.");
    this.#networks.delete(network);
  }

  async applyNetworkRules(): Promise<void> {
    this.#reach();
    this.#count("applyNetworkRules");
  }

  async sweep(): Promise<SweepReport> {
    this.#reach();
    return { removed: [] };
  }

  #perform(verb: HostVerb, record: VmRecord, now: VmSighting): void {
    const { generation, resetCount, id } = record;
    const { pid: _pid, startedAt: _startedAt, ...still } = now;
    switch (verb) {
      case "provision":
        return this.#show({ ...now, provisionedGeneration: generation });
      case "launch":
        return this.#launch(record, now);
      case "pause":
        return this.#show({ ...now, state: "paused", generation });
      case "resume":
        return this.#show({ ...now, state: "running", generation });
      case "reset": {
        const { trouble: _trouble, ...rest } = now;
        return this.#show({ ...rest, resetCount, generation });
      }
      case "shut_down":
        this.#show({ ...now, state: "stopping", generation });
        if (this.areGuestsObedient) setTimeout(() => this.end(id, "requested"), 1);
        return;
      case "kill":
        return this.end(id, "requested");
      case "suspend":
        return this.#show({ ...still, state: "suspended", generation });
      case "discard_suspend":
        return this.#show({ ...now, state: "absent" });
      case "remove":
        this.#guests.delete(id);
    }
  }

  #launch({ generation, resetCount }: VmRecord, now: VmSighting): void {
    if (hasProcess(now)) return;
    const { exit: _exit, ...rest } = now;
    const startedAt = this.#moment();
    const pid = this.#lastMs % 1e6;
    const provisionedGeneration = generation;
    this.#show({ ...rest, state: "running", generation, resetCount, provisionedGeneration, pid, startedAt });
  }

  /** Rises with each call, so that no two exits or starts look the same. */
  #moment(): string {
    this.#lastMs = Math.max(this.#lastMs + 1, Date.now());
    return new Date(this.#lastMs).toISOString();
  }

  #seen(vm: string): VmSighting {
    return structuredClone(this.#guests.get(vm) ?? { ...unseen(vm), state: "absent" });
  }

  #show(sighting: VmSighting): void {
    this.#guests.set(sighting.vm, sighting);
    for (const queue of this.#followers) queue.push(structuredClone(sighting));
  }

  #reach(): void {
    if (!this.isReachable) throw new Fault("host.unreachable", "The fake host does not answer.");
  }

  #count(step: string): void {
    this.steps.set(step, (this.steps.get(step) ?? 0) + 1);
    const failure = this.#failures.get(step);
    this.#failures.delete(step);
    if (failure !== undefined) throw failure;
  }
}

const stale = (): Fault => new Fault("vm.stale_generation", "The store has another generation.");

function hasProcess({ state }: Pick<VmSighting, "state">): boolean {
  return state !== "absent" && state !== "suspended" && state !== "unknown";
}
