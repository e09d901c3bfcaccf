import type { FaultJson } from "@serai/kit/fault";
import { isEnded, type Operation } from "./operation.ts";
import type { VmExit, VmPower, VmRecord, VmStatus } from "./vm.ts";

export type Outcome =
  | { phase: "succeeded" }
  | { phase: "failed"; fault: FaultJson }
  /** A later request wants something else. */
  | { phase: "cancelled"; note: string };

const succeeded: Outcome = { phase: "succeeded" };
const superseded: Outcome = { phase: "cancelled", note: "A later request asked for something else." };

/**
 * How an open operation on a VM has ended, read from what is wanted and what is seen; undefined while it has not.
 * A VM's deletion ends its operations where the record is removed, not here.
 */
export function operationOutcome(
  operation: Operation,
  record: VmRecord,
  status: VmStatus,
): Outcome | undefined {
  if (isEnded(operation) || operation.verb === "vm.delete") return undefined;
  if (record.isDeleting) return superseded;
  const { sighting } = status;
  switch (operation.verb) {
    case "vm.create":
    case "vm.clone":
      return whenCreating(operation, record, status);
    case "vm.change":
      return succeeded;
    case "vm.start":
      return whenStarting(operation, record, status);
    case "vm.resume":
      if (!wants(record, "running")) return superseded;
      return sighting.state === "running" ? succeeded : whenGone(operation, status);
    case "vm.pause":
      if (!wants(record, "paused"))
        return record.generation > operation.generation
          ? (whenGone(operation, status) ?? superseded)
          : undefined;
      return sighting.state === "paused" ? succeeded : whenGone(operation, status);
    case "vm.suspend":
      if (sighting.state === "suspended") return succeeded;
      return wants(record, "suspended") ? undefined : (whenGone(operation, status) ?? superseded);
    case "vm.stop":
      if (!wants(record, "stopped")) return superseded;
      return sighting.state === "absent" ? succeeded : undefined;
    case "vm.reset":
      if (sighting.resetCount >= record.resetCount) return succeeded;
      return wants(record, "running") || wants(record, "paused") ? whenGone(operation, status) : superseded;
    default:
      return undefined;
  }
}

const wants = (record: VmRecord, power: VmPower): boolean => record.power === power;

function whenCreating(operation: Operation, record: VmRecord, status: VmStatus): Outcome | undefined {
  const { sighting } = status;
  if (sighting.provisionedGeneration === 0) return undefined;
  // It was to be started at once, and nothing was asked since.
  const isToRun = record.generation === operation.generation && record.power === "running";
  return isToRun ? whenStarting(operation, record, status) : succeeded;
}

function whenStarting(operation: Operation, record: VmRecord, { sighting }: VmStatus): Outcome | undefined {
  if (sighting.state === "running" || (sighting.state === "paused" && record.power === "paused"))
    return succeeded;
  // It did start, and ended again before anybody looked.
  const exit = exitSince(operation, sighting.exit);
  if (exit !== undefined) return exit.cause === "guest_shutdown" ? succeeded : failed(exit);
  return record.power === "running" || record.power === "paused" ? undefined : superseded;
}

/** The guest ended by itself before the request could be carried out. */
function whenGone(operation: Operation, { sighting }: VmStatus): Outcome | undefined {
  if (sighting.state !== "absent") return undefined;
  const exit = sighting.exit;
  return exit === undefined || Date.parse(exit.at) < Date.parse(operation.createdAt)
    ? undefined
    : failed(exit, "vm.wrong_state");
}

const exitSince = (operation: Operation, exit: VmExit | undefined): VmExit | undefined =>
  exit !== undefined && exit.generation >= operation.generation && exit.cause !== "requested"
    ? exit
    : undefined;

const failed = (exit: VmExit, code: "vm.start_failed" | "vm.wrong_state" = "vm.start_failed"): Outcome => ({
  phase: "failed",
  fault: { code, message: `The guest ended: ${exit.detail}`, details: { cause: exit.cause } },
});
