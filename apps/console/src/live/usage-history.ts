import type { HostUsage, VmUsage } from "@serai/model/host";

/** Rates between two samples. */
export type UsagePoint = {
  atMs: number;
  /** Cores busy: 1.5 is one and a half. */
  cpu: number;
  memoryBytes: number;
  diskBytesPerSecond: number;
  netBytesPerSecond: number;
};

export type UsageHistory = {
  subscribe(listener: () => void): () => void;
  /** Takes a sample; one that is no newer than the last is ignored. */
  add(usage: HostUsage): void;
  /** Oldest first. The array is a new one after each sample. */
  of(vm: string): readonly UsagePoint[];
  host(): readonly UsagePoint[];
};

const maxPoints = 90;
const none: readonly UsagePoint[] = [];

/** Remembers the last few minutes of samples, because the server keeps none. */
export function createUsageHistory(): UsageHistory {
  let last: HostUsage | undefined;
  let lastVms = new Map<string, VmUsage>();
  let points = new Map<string, readonly UsagePoint[]>();
  let host: readonly UsagePoint[] = none;
  const listeners = new Set<() => void>();
  return {
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    add(usage) {
      const atMs = Date.parse(usage.at);
      const seconds = last === undefined ? 0 : (atMs - Date.parse(last.at)) / 1000;
      if (last !== undefined && seconds <= 0) return;
      const next = new Map<string, readonly UsagePoint[]>();
      for (const now of usage.vms) {
        const point = vmPoint(now, lastVms.get(now.vm), atMs, seconds);
        next.set(now.vm, [...(points.get(now.vm) ?? none).slice(1 - maxPoints), point]);
      }
      host = [...host.slice(1 - maxPoints), hostPoint(usage, last, next)];
      points = next;
      last = usage;
      lastVms = new Map(usage.vms.map((vm) => [vm.vm, vm]));
      for (const listener of listeners) listener();
    },
    of: (vm) => points.get(vm) ?? none,
    host: () => host,
  };
}

/** A counter that fell means a new process: its rate is then taken from zero. */
const rate = (now: number, before: number | undefined, seconds: number): number => {
  if (seconds <= 0 || before === undefined) return 0;
  return Math.max(0, (now >= before ? now - before : now) / seconds);
};

function vmPoint(now: VmUsage, before: VmUsage | undefined, atMs: number, seconds: number): UsagePoint {
  const diskBefore = before && before.diskReadBytes + before.diskWrittenBytes;
  const netBefore = before && before.netReceivedBytes + before.netSentBytes;
  return {
    atMs,
    cpu: rate(now.cpuSeconds, before?.cpuSeconds, seconds),
    memoryBytes: now.residentBytes,
    diskBytesPerSecond: rate(now.diskReadBytes + now.diskWrittenBytes, diskBefore, seconds),
    netBytesPerSecond: rate(now.netReceivedBytes + now.netSentBytes, netBefore, seconds),
  };
}

function hostPoint(
  now: HostUsage,
  before: HostUsage | undefined,
  vms: ReadonlyMap<string, readonly UsagePoint[]>,
): UsagePoint {
  const total = before === undefined ? 0 : now.cpuSeconds.total - before.cpuSeconds.total;
  const busy = before === undefined ? 0 : now.cpuSeconds.busy - before.cpuSeconds.busy;
  const sum = (key: "diskBytesPerSecond" | "netBytesPerSecond") =>
    [...vms.values()].reduce((all, points) => all + (points.at(-1)?.[key] ?? 0), 0);
  return {
    atMs: Date.parse(now.at),
    /** For the host: the share of all its cores, 0 to 1. */
    cpu: total <= 0 ? 0 : Math.min(1, Math.max(0, busy / total)),
    memoryBytes: now.memoryBytes - now.memoryAvailableBytes,
    diskBytesPerSecond: sum("diskBytesPerSecond"),
    netBytesPerSecond: sum("netBytesPerSecond"),
  };
}
