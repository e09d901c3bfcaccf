import type { VmExit, VmSighting, VmState } from "@serai/model/vm";
import type { GuestStatus } from "./live-vm.ts";
import type { RunRecord } from "./run-record.ts";

/** What a driver knows about a run. */
export type RunFacts = {
  record: RunRecord;
  status: GuestStatus;
  agent: VmSighting["agent"];
  addresses: string[];
};

export type VmFacts = {
  vm: string;
  run: RunFacts | undefined;
  isSuspended: boolean;
  /** The latest end. */
  exit: VmExit | undefined;
  notes: { generation: number; resetCount: number; provisionedGeneration: number };
};

/** Tells the world what a driver knows. */
export function sight({ vm, run, isSuspended, exit, notes }: VmFacts): VmSighting {
  const base = { vm, ...notes, agent: "none" as const, addresses: [], hasDisplay: false };
  if (run === undefined)
    return { ...base, state: isSuspended ? "suspended" : "absent", ...(exit !== undefined && { exit }) };
  const { record, agent, addresses } = run;
  return {
    ...base,
    state: runState(run),
    resetCount: record.resetCount,
    agent,
    addresses,
    hasDisplay: record.plan.spec.display === "vga",
    accelerator: record.accelerator,
    ...(record.process !== undefined && { pid: record.process.pid }),
    ...(record.startedAt !== undefined && { startedAt: record.startedAt }),
    ...(record.trouble !== undefined && { trouble: record.trouble }),
  };
}

function runState({ record, status }: RunFacts): VmState {
  if (record.isKilling || record.hasGuestShutDown) return "stopping";
  if (record.phase !== "up") return "starting";
  if (status === "waiting") return "unknown"; // its process is there, and its monitor does not answer
  if (record.isSuspending) return "suspending";
  if (record.isStopping) return "stopping";
  return status === "running" ? "running" : "paused";
}
