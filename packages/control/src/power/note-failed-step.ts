import { delayBeforeRestartMs } from "@serai/model/restart-back-off";
import type { FaultJson } from "@serai/kit/fault";
import type { HostVerb } from "@serai/model/host-request";
import type { Operation } from "@serai/model/operation";
import type { Happening } from "@serai/model/vm-events";
import type { VmRecord } from "@serai/model/vm";
import type { ControlParts } from "../parts.ts";
import type { VmEntry } from "../view/vm-shelf.ts";
import { finalFault } from "./is-final-fault.ts";
import { writeVm, type VmWrite } from "./write-vm.ts";

type FailedStep = { entry: VmEntry; verb: HostVerb; error: unknown };

/**
 * Writes down that a step failed for good: the operations that wanted it fail, and the wish is taken back, so
 * that the VM is what somebody wants again. Throws the error on when trying again makes sense.
 */
export async function noteFailedStep(
  parts: ControlParts,
  { entry, verb, error }: FailedStep,
  signal: AbortSignal,
): Promise<void> {
  const fault = finalFault(error);
  const write = fault && whatToWrite(parts, entry, verb, fault);
  if (write === undefined) throw error;
  parts.log.warn({ vm: entry.record.id, verb, fault, err: error }, "a step failed");
  await writeVm(parts, entry, write, signal);
}

function whatToWrite(
  parts: ControlParts,
  entry: VmEntry,
  verb: HostVerb,
  fault: FaultJson,
): VmWrite | undefined {
  switch (verb) {
    case "provision":
      return failedProvision(parts, entry, fault);
    case "launch":
      return failedLaunch(parts, entry, fault);
    case "pause":
      return takenBack(parts, entry, fault, { verbs: ["vm.pause"], intent: { power: "running" } });
    case "resume":
      if (entry.record.power !== "running") return undefined;
      return takenBack(parts, entry, fault, {
        verbs: ["vm.resume", "vm.start"],
        intent: { power: "paused" },
      });
    case "suspend":
      return takenBack(parts, entry, fault, { verbs: ["vm.suspend"], intent: { power: "running" } });
    case "reset":
      return takenBack(parts, entry, fault, {
        verbs: ["vm.reset"],
        intent: { resetCount: entry.status.sighting.resetCount },
      });
    default:
      return undefined; // ending and removing are tried until they work
  }
}

const failing = (parts: ControlParts, vm: string, verbs: string[], fault: FaultJson) =>
  parts.view.operations
    .openOn(vm)
    .filter((operation: Operation) => verbs.includes(operation.verb))
    .map((operation) => ({ operation, outcome: { phase: "failed", fault } as const }));

type TakenBack = { verbs: string[]; intent: Partial<VmRecord> };

function takenBack(
  parts: ControlParts,
  { record, status }: VmEntry,
  fault: FaultJson,
  { verbs, intent }: TakenBack,
): VmWrite {
  return { intent, status: { ...status, fault }, ends: failing(parts, record.id, verbs, fault) };
}

/** A VM that cannot have its volumes is no VM: what was made of it is removed again. */
function failedProvision(
  parts: ControlParts,
  { record, status }: VmEntry,
  fault: FaultJson,
): VmWrite | undefined {
  const ends = failing(parts, record.id, ["vm.create", "vm.clone", "vm.start"], fault);
  if (ends.length === 0) return undefined;
  const isNew = ends.some(({ operation }) => operation.verb === "vm.create" || operation.verb === "vm.clone");
  const { name } = record.spec;
  const happenings: Happening[] = [
    {
      type: "vm.create_failed",
      severity: "error",
      message: `${name} was not created: ${fault.message}`,
      data: { fault },
    },
  ];
  if (isNew) return { intent: { isDeleting: true }, ends, happenings };
  return { intent: { power: "stopped" }, status: { ...status, fault }, ends };
}

/** A start that somebody waits for fails; one that a policy wants is tried again, later each time. */
function failedLaunch(parts: ControlParts, { record, status }: VmEntry, fault: FaultJson): VmWrite {
  const ends = failing(
    parts,
    record.id,
    ["vm.start", "vm.create", "vm.clone", "vm.resume", "vm.pause", "vm.reset", "vm.suspend"],
    fault,
  );
  const isNews = status.fault?.message !== fault.message;
  const happenings: Happening[] = [
    {
      type: "vm.start_failed",
      severity: "error",
      message: `${record.spec.name} could not start: ${fault.message}`,
      data: { fault },
    },
  ];
  const isAsked = ends.length > 0;
  if (isAsked) {
    return {
      // One that is suspended still has its memory: it stays suspended.
      intent: {
        power: status.sighting.state === "suspended" ? "suspended" : "stopped",
        stop: { isForced: false },
      },
      status: { ...status, fault },
      ends,
      happenings,
    };
  }
  const restartAt = new Date(parts.clock.nowMs() + delayBeforeRestartMs(status.restarts)).toISOString();
  return {
    status: { ...status, fault, restarts: status.restarts + 1, restartAt },
    ...(isNews && { happenings }),
  };
}
