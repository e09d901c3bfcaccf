import type { VmPower, VmRecord, VmStatus } from "./vm.ts";

export type PowerVerb = "start" | "stop" | "pause" | "resume" | "reset" | "suspend";
export type PowerWish = { verb: PowerVerb; isForced?: boolean; deadlineMs?: number };

export type PowerPlan =
  | { kind: "holds" }
  /** One sentence: why not, and what to do. */
  | { kind: "refused"; reason: string }
  /** The fields of the record that change. */
  | { kind: "change"; power: VmPower; stop?: VmRecord["stop"]; resetCount?: number; isFreshStart: boolean };

export const defaultStopMs = 90_000;

/** Decides what a request for another power state means for a VM's intent. */
export function planPower(record: VmRecord, status: VmStatus, wish: PowerWish, nowMs: number): PowerPlan {
  const { name } = record.spec;
  if (record.isDeleting) return refused(`${name} is being deleted.`);
  const { state } = status.sighting;
  switch (wish.verb) {
    case "start":
      return planStart(record, status);
    case "stop":
      return planStop(record, status, wish, nowMs);
    case "pause":
      if (record.power === "paused" && state === "paused") return { kind: "holds" };
      return isUp(record)
        ? to("paused")
        : refused(`${name} is ${record.power}: only a running VM can be paused.`);
    case "resume":
      if (record.power === "running" && state === "running") return { kind: "holds" };
      return isUp(record) ? to("running") : refused(`${name} is ${record.power}: start it instead.`);
    case "suspend":
      if (record.power === "suspended" && state === "suspended") return { kind: "holds" };
      return isUp(record) || record.power === "suspended"
        ? to("suspended")
        : refused(`${name} is stopped: only a running VM can be suspended.`);
    case "reset":
      if (!isUp(record) || (state !== "running" && state !== "paused")) {
        return refused(`${name} is not running: start it instead.`);
      }
      return { ...to(record.power), resetCount: record.resetCount + 1 };
  }
}

const isUp = (record: VmRecord): boolean => record.power === "running" || record.power === "paused";
const refused = (reason: string): PowerPlan => ({ kind: "refused", reason });
const to = (power: VmPower) => ({ kind: "change", power, isFreshStart: false }) as const;

function planStart(record: VmRecord, { sighting }: VmStatus): PowerPlan {
  if (isUp(record) && sighting.trouble !== undefined) {
    return refused(`${record.spec.name} is kept as it is since its guest failed: stop or reset it first.`);
  }
  if (record.power === "running" && sighting.state === "running") return { kind: "holds" };
  if (sighting.state === "paused" && isUp(record)) return to("running");
  // One that is being asked to stop keeps that deadline: it must end before it can start.
  const stop = sighting.state === "stopping" ? record.stop : { isForced: false };
  return { kind: "change", power: "running", stop, isFreshStart: true };
}

function planStop(record: VmRecord, { sighting }: VmStatus, wish: PowerWish, nowMs: number): PowerPlan {
  if (record.power === "stopped" && sighting.state === "absent") return { kind: "holds" };
  const deadlineAt = new Date(nowMs + (wish.deadlineMs ?? defaultStopMs)).toISOString();
  const stop = wish.isForced ? { isForced: true } : { isForced: false, deadlineAt };
  return { ...to("stopped"), stop };
}
