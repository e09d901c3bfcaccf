import type { Operation } from "./operation.ts";
import type { VmRecord, VmStatus } from "./vm.ts";

export type CancelPlan =
  | { kind: "refused"; reason: string }
  /** The wish is taken back by wishing this. */
  | { kind: "change"; fields: Partial<VmRecord> };

const stopNow: CancelPlan = { kind: "change", fields: { power: "stopped", stop: { isForced: true } } };
const run: CancelPlan = { kind: "change", fields: { power: "running" } };

/** Decides how an open operation on a VM is cancelled: by changing what is wanted, never by breaking off a step. */
export function planCancellation(operation: Operation, record: VmRecord, status: VmStatus): CancelPlan {
  if (record.isDeleting) return refused("A deletion cannot be cancelled: parts of the VM may be gone.");
  if (record.generation !== operation.generation)
    return refused("A later request asks for something else already.");
  switch (operation.verb) {
    case "vm.create":
    case "vm.clone":
      return { kind: "change", fields: { isDeleting: true } };
    case "vm.start":
      return stopNow;
    case "vm.pause":
      return run;
    case "vm.resume":
      return { kind: "change", fields: { power: "paused" } };
    case "vm.suspend":
      // QEMU writes the state in one go; then it is suspended and can be started.
      return status.sighting.state === "suspending"
        ? refused("It is being written to disk: start it afterwards.")
        : run;
    case "vm.stop":
      // A guest that was asked to shut down cannot be asked not to: it is started again afterwards.
      if (record.stop.isForced) return refused("A forced stop cannot be cancelled.");
      return status.sighting.state === "stopping"
        ? refused("The guest was asked to shut down already: start it again afterwards.")
        : run;
    default:
      return refused("It is about to end.");
  }
}

const refused = (reason: string): CancelPlan => ({ kind: "refused", reason });
