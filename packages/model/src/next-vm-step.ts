import { delayBeforeRestartMs } from "./restart-back-off.ts";
import type { ExitCause, VmRecord, VmStatus } from "./vm.ts";

export type VmStep =
  | { do: "none" }
  /** Look again; not later than `untilMs` if given. */
  | { do: "wait"; untilMs?: number }
  | {
      do:
        | "provision"
        | "launch"
        | "pause"
        | "resume"
        | "reset"
        | "shut_down"
        | "kill"
        | "suspend"
        | "discard_suspend"
        | "remove";
    }
  /** The guest ended by itself and its policy says that this is what its owner wants. */
  | { do: "accept_stop" }
  /** The guest ended by itself: note it, and start it again at `atMs`. */
  | { do: "schedule_restart"; atMs: number };

const none: VmStep = { do: "none" };
const wait: VmStep = { do: "wait" };

/**
 * Decides one step for one VM; never acts. Every rule about VM power lives here.
 * `nowMs` is the epoch time at which the caller looked.
 */
export function nextVmStep(record: VmRecord, status: VmStatus, nowMs: number): VmStep {
  const { sighting } = status;
  switch (sighting.state) {
    case "unknown":
      return wait; // launching on a guess could run one disk on two hosts
    case "absent":
      return whenAbsent(record, status, nowMs);
    case "starting":
      return wantsProcess(record) || isToBeSuspended(record) ? wait : { do: "kill" };
    case "running":
    case "paused":
      return whenThere(record, status, nowMs);
    case "stopping":
      return whenStopping(record, nowMs);
    case "suspending":
      return record.isDeleting || (record.power === "stopped" && record.stop.isForced)
        ? { do: "kill" }
        : wait;
    case "suspended":
      return whenSuspended(record);
  }
}

const wantsProcess = (record: VmRecord): boolean =>
  !record.isDeleting && (record.power === "running" || record.power === "paused");

const isToBeSuspended = (record: VmRecord): boolean => !record.isDeleting && record.power === "suspended";

function whenAbsent(record: VmRecord, status: VmStatus, nowMs: number): VmStep {
  if (record.isDeleting) return { do: "remove" };
  if (status.sighting.provisionedGeneration === 0) return { do: "provision" };
  if (!wantsProcess(record)) {
    // It ended before it could be suspended.
    return record.power === "suspended" ? { do: "accept_stop" } : none;
  }
  const { exit } = status.sighting;
  if (
    exit !== undefined &&
    exit.at !== status.handledExitAt &&
    exit.generation >= (record.startGeneration ?? 0)
  ) {
    const verdict = afterExit(record, status, nowMs);
    if (verdict !== undefined) return verdict;
  }
  const restartAtMs = status.restartAt === undefined ? 0 : Date.parse(status.restartAt);
  return nowMs < restartAtMs ? { do: "wait", untilMs: restartAtMs } : { do: "launch" };
}

/** An end nobody asked for, judged once; undefined when it should simply be started. */
function afterExit(record: VmRecord, status: VmStatus, nowMs: number): VmStep | undefined {
  const { exit, trouble } = status.sighting;
  // A guest in trouble is ended by us; what counts is the trouble.
  const cause = exit?.cause === "requested" && trouble !== undefined ? trouble.kind : exit?.cause;
  if (cause === undefined || cause === "requested" || cause === "host_reboot") return undefined;
  const policy = policyFor(record, cause);
  if (policy !== "restart") return { do: "accept_stop" };
  return { do: "schedule_restart", atMs: nowMs + delayBeforeRestartMs(status.restarts) };
}

function policyFor(record: VmRecord, cause: ExitCause) {
  const { policy } = record.spec;
  if (cause === "guest_shutdown") return policy.onShutdown;
  if (cause === "guest_panic") return policy.onPanic;
  if (cause === "guest_hang") return policy.onHang;
  return policy.onCrash;
}

function whenThere(record: VmRecord, status: VmStatus, nowMs: number): VmStep {
  const { sighting } = status;
  if (record.isDeleting) return { do: "kill" };
  if (record.power === "stopped") {
    if (record.stop.isForced || sighting.trouble !== undefined) return { do: "kill" };
    if (isPast(record.stop.deadlineAt, nowMs)) return { do: "kill" };
    // A paused guest cannot hear a shutdown request.
    return sighting.state === "paused" ? { do: "resume" } : { do: "shut_down" };
  }
  if (record.resetCount > sighting.resetCount) return { do: "reset" };
  if (sighting.trouble !== undefined) {
    return policyFor(record, sighting.trouble.kind) === "preserve" ? none : { do: "kill" };
  }
  if (record.power === "suspended") return { do: "suspend" };
  if (record.power === sighting.state) return none;
  return { do: record.power === "paused" ? "pause" : "resume" };
}

function whenStopping(record: VmRecord, nowMs: number): VmStep {
  if (record.isDeleting) return { do: "kill" };
  if (record.power === "stopped" && record.stop.isForced) return { do: "kill" };
  const deadlineAt = record.stop.deadlineAt;
  if (isPast(deadlineAt, nowMs)) return { do: "kill" };
  return deadlineAt === undefined ? wait : { do: "wait", untilMs: Date.parse(deadlineAt) };
}

function whenSuspended(record: VmRecord): VmStep {
  if (record.isDeleting) return { do: "remove" };
  if (record.power === "suspended") return none;
  return record.power === "stopped" ? { do: "discard_suspend" } : { do: "launch" };
}

const isPast = (at: string | undefined, nowMs: number): boolean =>
  at !== undefined && Date.parse(at) <= nowMs;
