import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { poll } from "@serai/kit/deadline";
import { Fault } from "@serai/kit/fault";
import type { CgroupController, Cgroups } from "./cgroup-layout.ts";

/** What is left out stays as it is. */
export type CgroupLimits = {
  memoryMaxBytes?: number | "max";
  pidsMax?: number | "max";
  /** 1 to 10,000; 100 is the weight of whoever has none. */
  cpuWeight?: number;
  /** Cores' worth of CPU time, for instance 1.5. */
  cpuQuotaCores?: number | "max";
};

/** A field is undefined where the machine lacks the controller. */
export type CgroupReading = {
  memoryBytes: number | undefined;
  oomKills: number | undefined;
  cpuUsageUs: number | undefined;
  pids: number[];
};

const quotaPeriodUs = 100_000;

/** Makes a VM's group with these limits; one that exists is taken over. */
export function createCgroup(cgroups: Cgroups, name: string, limits: CgroupLimits): void {
  for (const folder of groupFolders(cgroups, name)) mkdirSync(folder, { recursive: true });
  limitCgroup(cgroups, name, limits);
}

/** Changes limits of a running group. A memory limit below what is used and cannot be reclaimed is refused. */
export function limitCgroup(cgroups: Cgroups, name: string, limits: CgroupLimits): void {
  const set = (controller: CgroupController, file: string, value: number | string) => {
    const folder = cgroups.folders[controller];
    if (folder !== undefined) writeLimit(path.join(folder, name, file), value);
  };
  const { memoryMaxBytes, pidsMax, cpuWeight, cpuQuotaCores } = limits;
  const isV2 = cgroups.version === 2;
  if (memoryMaxBytes !== undefined) {
    if (isV2) set("memory", "memory.oom.group", 1); // a VM is killed whole or not at all
    set(
      "memory",
      isV2 ? "memory.max" : "memory.limit_in_bytes",
      !isV2 && memoryMaxBytes === "max" ? -1 : memoryMaxBytes,
    );
  }
  if (pidsMax !== undefined) set("pids", "pids.max", pidsMax);
  if (cpuWeight !== undefined) {
    if (isV2) set("cpu", "cpu.weight", cpuWeight);
    else set("cpu", "cpu.shares", sharesFromWeight(cpuWeight));
  }
  if (cpuQuotaCores !== undefined) {
    const quota =
      cpuQuotaCores === "max" ? undefined : Math.max(1_000, Math.round(cpuQuotaCores * quotaPeriodUs));
    if (isV2) set("cpu", "cpu.max", `${quota ?? "max"} ${quotaPeriodUs}`);
    else {
      set("cpu", "cpu.cfs_period_us", quotaPeriodUs);
      set("cpu", "cpu.cfs_quota_us", quota ?? -1);
    }
  }
}

/** The files a process writes its own pid to before `exec`, so that nothing it does ever counts elsewhere. */
export function cgroupProcsFiles(cgroups: Cgroups, name: string): string[] {
  return groupFolders(cgroups, name).map((folder) => path.join(folder, "cgroup.procs"));
}

/** What the group uses now; undefined when it does not exist. */
export function readCgroup(cgroups: Cgroups, name: string): CgroupReading | undefined {
  const [first] = groupFolders(cgroups, name);
  if (first === undefined || !existsSync(first)) return undefined;
  const read = (controller: CgroupController, file: string) => {
    const folder = cgroups.folders[controller];
    return folder === undefined ? undefined : readText(path.join(folder, name, file));
  };
  const isV2 = cgroups.version === 2;
  const cpu = isV2
    ? numberIn(read("cpuacct", "cpu.stat"), /^usage_usec (\d+)/m)
    : nanoseconds(read("cpuacct", "cpuacct.usage"));
  return {
    memoryBytes: numberIn(read("memory", isV2 ? "memory.current" : "memory.usage_in_bytes"), /^(\d+)/),
    oomKills: numberIn(read("memory", isV2 ? "memory.events" : "memory.oom_control"), /^oom_kill (\d+)/m),
    cpuUsageUs: cpu,
    pids: (readText(path.join(first, "cgroup.procs")) ?? "")
      .split("\n")
      .filter((line) => line !== "")
      .map(Number),
  };
}

/** The names of all groups, for the sweep of orphans. */
export function listCgroups(cgroups: Cgroups): string[] {
  const names = new Set<string>();
  for (const folder of new Set(Object.values(cgroups.folders))) {
    for (const entry of readdirSync(folder, { withFileTypes: true }))
      if (entry.isDirectory()) names.add(entry.name);
  }
  return [...names].sort();
}

/** Removes an empty group. The kernel lets go of a dead process's group a little after its death: waits for that. */
export async function removeCgroup(cgroups: Cgroups, name: string, signal: AbortSignal): Promise<void> {
  const deadline = {
    ms: 5_000,
    everyMs: 5,
    code: "linux.refused",
    message: `The cgroup ${name} still has processes; end them first.`,
  } as const;
  await poll(deadline, signal, () => (groupFolders(cgroups, name).every(isRemoved) ? true : undefined));
}

function isRemoved(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return true;
    if (code === "EBUSY" || code === "ENOTEMPTY") return false;
    throw error;
  }
}

/** Version 1 often mounts controllers together, and version 2 always does: each folder once. */
function groupFolders(cgroups: Cgroups, name: string): string[] {
  if (!/^[a-z0-9][\w.-]*$/i.test(name)) throw new Error(`"${name}" cannot name a cgroup.`);
  return [...new Set(Object.values(cgroups.folders))].map((folder) => path.join(folder, name));
}

function writeLimit(file: string, value: number | string): void {
  try {
    writeFileSync(file, String(value));
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    throw new Fault("linux.refused", `The kernel refused ${path.basename(file)} = ${value} (${code}).`, {
      cause: error,
      details: { file, value, errno: code },
    });
  }
}

/** Both scales' default is the same weight: 100 there, 1024 here. */
function sharesFromWeight(weight: number): number {
  return Math.max(2, Math.min(262_144, Math.round((weight * 1024) / 100)));
}

function nanoseconds(text: string | undefined): number | undefined {
  const found = numberIn(text, /^(\d+)/);
  return found === undefined ? undefined : Math.round(found / 1_000);
}

function numberIn(text: string | undefined, pattern: RegExp): number | undefined {
  const digits = text === undefined ? undefined : pattern.exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined; // the group went, or its kernel lacks this file
  }
}
