import { PassThrough } from "node:stream";
import { AsyncQueue } from "@serai/kit/async-queue";
import { Fault, type FaultCode } from "@serai/kit/fault";
import type { HostReport } from "@serai/model/host";
import type { HostVerb } from "@serai/model/host-request";
import type { ImageRecord } from "@serai/model/image";
import { unseen, type ExitCause, type VmRecord, type VmSighting } from "@serai/model/vm";
import type { HostLink } from "../host-link.ts";

export type FakeHostOptions = {
  /** Intent as the store has it; the host reads it itself. */
  vm: (id: string) => VmRecord | undefined;
  image: (id: string) => ImageRecord | undefined;
  memoryBytes?: number;
};

export type FakeHost = HostLink & {
  /** Every process there is: at most one per VM. */
  processes(): string[];
  /** Everything it keeps for VMs and images. */
  holdings(): { vms: string[]; images: string[] };
  isReachable: boolean;
  /** Thrown by the next step of this kind, once. */
  failNext(verb: HostVerb | "takeImage", code: FaultCode, message?: string): void;
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
  const guests = new Map<string, VmSighting>();
  const images = new Set<string>();
  const followers = new Set<AsyncQueue<VmSighting>>();
  const failures = new Map<string, Fault>();
  const steps = new Map<string, number>();
  let lastMs = Date.parse("2026-01-01T00:00:00.000Z");
  const moment = () => new Date((lastMs = Math.max(lastMs + 1, Date.now()))).toISOString();

  const seen = (vm: string): VmSighting => structuredClone(guests.get(vm) ?? { ...unseen(vm), state: "absent" });
  const show = (sighting: VmSighting) => {
    guests.set(sighting.vm, sighting);
    for (const queue of followers) queue.push(structuredClone(sighting));
  };
  const reach = () => {
    if (!host.isReachable) throw new Fault("host.unreachable", "The fake host does not answer.");
  };
  const count = (step: string) => {
    steps.set(step, (steps.get(step) ?? 0) + 1);
    const failure = failures.get(step);
    failures.delete(step);
    if (failure !== undefined) throw failure;
  };
  const end = (vm: string, cause: ExitCause) => {
    const { pid: _pid, startedAt: _startedAt, trouble, ...rest } = seen(vm);
    if (!hasProcess(rest)) return;
    const exit = { cause: trouble?.kind ?? cause, at: moment(), generation: rest.generation, detail: `It ended: ${cause}.` };
    show({ ...rest, state: "absent", agent: "none", exit });
  };

  const perform: Record<Exclude<HostVerb, "remove">, (record: VmRecord, now: VmSighting) => void> = {
    provision: (record, now) => show({ ...now, provisionedGeneration: record.generation }),
    launch: (record, now) => {
      if (hasProcess(now)) return;
      const { exit: _exit, ...rest } = now;
      const startedAt = moment();
      const { generation, resetCount } = record;
      show({ ...rest, state: "running", generation, resetCount, provisionedGeneration: generation, pid: lastMs % 1e6, startedAt });
    },
    pause: (record, now) => show({ ...now, state: "paused", generation: record.generation }),
    resume: (record, now) => show({ ...now, state: "running", generation: record.generation }),
    reset: (record, now) => {
      const { trouble: _trouble, ...rest } = now;
      show({ ...rest, resetCount: record.resetCount, generation: record.generation });
    },
    shut_down: (record, now) => {
      show({ ...now, state: "stopping", generation: record.generation });
      if (host.areGuestsObedient) setTimeout(() => end(record.id, "requested"), 1);
    },
    kill: (record) => end(record.id, "requested"),
    suspend: (record, now) => {
      const { pid: _pid, startedAt: _startedAt, ...rest } = now;
      show({ ...rest, state: "suspended", generation: record.generation });
    },
    discard_suspend: (_record, now) => show({ ...now, state: "absent" }),
  };

  const host: FakeHost = {
    isReachable: true,
    areGuestsObedient: true,
    steps,
    processes: () => [...guests.values()].filter(hasProcess).map(({ vm }) => vm),
    holdings: () => ({ vms: [...guests.keys()], images: [...images] }),
    failNext: (verb, code, message = `The fake host was told to fail: ${code}.`) => failures.set(verb, new Fault(code, message)),
    end,
    trouble: (vm, kind) => show({ ...seen(vm), trouble: { kind, at: moment() } }),
    describe: async () => {
      reach();
      return { ...report, memoryBytes: options.memoryBytes ?? report.memoryBytes };
    },
    look: async (vm) => {
      reach();
      return seen(vm);
    },
    act: async (verb, vm, generation, signal) => {
      reach();
      signal.throwIfAborted();
      const record = options.vm(vm);
      if (record === undefined) throw new Fault("vm.not_found", `There is no VM ${vm}.`);
      if (record.generation !== generation) throw new Fault("vm.stale_generation", "The store has another generation.");
      const isWantedUp = !record.isDeleting && (record.power === "running" || record.power === "paused");
      if (verb === "launch" && !isWantedUp) throw new Fault("vm.wrong_state", "It is not to run.");
      count(verb);
      if (verb === "remove") {
        if (!record.isDeleting) throw new Fault("vm.wrong_state", "It is not to be removed.");
        guests.delete(vm);
      } else {
        perform[verb](record, seen(vm));
      }
      return seen(vm);
    },
    sightings: async function* (signal) {
      reach();
      signal.throwIfAborted();
      const queue = new AsyncQueue<VmSighting>();
      const stop = () => queue.end();
      signal.addEventListener("abort", stop, { once: true });
      followers.add(queue);
      try {
        for (const sighting of guests.values()) yield structuredClone(sighting);
        yield* queue;
      } finally {
        followers.delete(queue);
        signal.removeEventListener("abort", stop);
      }
    },
    usage: async () => {
      reach();
      return { at: moment(), cpuSeconds: { busy: 0, total: 1 }, memoryBytes: 1, memoryAvailableBytes: 1, vms: [] };
    },
    exec: async (vm) => {
      reach();
      if (!hasProcess(seen(vm))) throw new Fault("vm.wrong_state", "It is not running.");
      return { exitCode: 0, stdoutBase64: "", stderrBase64: "", isTruncated: false };
    },
    screenshot: async () => new Uint8Array([0x89, 0x50, 0x4e, 0x47]),
    openStream: async () => new PassThrough(),
    takeImage: async (image, generation) => {
      reach();
      const record = options.image(image);
      if (record?.generation !== generation) throw new Fault("vm.stale_generation", "The store has another generation.");
      count("takeImage");
      images.add(image);
      const isKernel = record.source.kind === "builtin";
      return {
        kind: isKernel ? "kernel" : "disk",
        format: record.format === "qcow2" || record.format === "iso" ? record.format : "raw",
        virtualSizeBytes: isKernel ? 0 : 1024 * 1024,
        sizeBytes: record.sizeBytes ?? 1,
        sha256: "0".repeat(64),
      };
    },
    removeImage: async (image) => {
      reach();
      images.delete(image);
    },
    sweep: async () => {
      reach();
      return { removed: [] };
    },
  };
  return host;
}

function hasProcess({ state }: Pick<VmSighting, "state">): boolean {
  return state !== "absent" && state !== "suspended" && state !== "unknown";
}
