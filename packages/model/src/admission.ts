import { MiB } from "./vm-spec.ts";

export type Capacity = { cpus: number; memoryBytes: number };
export type Demand = { cpus: number; memoryBytes: number };

export type OvercommitRatios = { cpu: number; memory: number };
export const defaultOvercommit: OvercommitRatios = { cpu: 16, memory: 1.5 };

/** Kept for the host's own processes, whatever guests want. */
export const hostReserveBytes = 512 * MiB;

export type Verdict =
  | { isAdmitted: true }
  | { isAdmitted: false; reason: string; missingBytes: number; missingCpus: number };

/**
 * Decides whether one more VM may run besides those that already do (`running`, sums of their sizes).
 * Refuses with the numbers it saw.
 */
export function admit(asked: Demand, running: Demand, capacity: Capacity, ratios: OvercommitRatios): Verdict {
  const memoryLimit = Math.max(0, Math.floor((capacity.memoryBytes - hostReserveBytes) * ratios.memory));
  const cpuLimit = Math.floor(capacity.cpus * ratios.cpu);
  const missingBytes = Math.max(0, running.memoryBytes + asked.memoryBytes - memoryLimit);
  const missingCpus = Math.max(0, running.cpus + asked.cpus - cpuLimit);
  if (missingBytes === 0 && missingCpus === 0) return { isAdmitted: true };
  const reasons: string[] = [];
  if (missingBytes > 0) {
    reasons.push(
      `memory: ${mib(asked.memoryBytes)} asked, ${mib(running.memoryBytes)} of ${mib(memoryLimit)} promised already, ${mib(missingBytes)} missing`,
    );
  }
  if (missingCpus > 0) {
    reasons.push(
      `CPUs: ${asked.cpus} asked, ${running.cpus} of ${cpuLimit} promised already, ${missingCpus} missing`,
    );
  }
  return { isAdmitted: false, reason: reasons.join("; "), missingBytes, missingCpus };
}

const mib = (bytes: number): string => `${Math.ceil(bytes / MiB)} MiB`;
