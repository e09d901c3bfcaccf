import { timestamp } from "@serai/kit/clock";
import { Fault } from "@serai/kit/fault";
import { imageKey } from "@serai/model/image";
import type { Operation } from "@serai/model/operation";
import type { Plan } from "../commit.ts";
import { endOperation, unchanged, type ControlParts } from "../parts.ts";

/** An image that is on its way in is cancelled by removing it. */
export function planImageCancellation(parts: ControlParts, operation: Operation): Plan<Operation> {
  const entry = parts.view.images.get(operation.target.id);
  const phase = entry?.record.phase;
  if (entry === undefined || (phase !== "pending" && phase !== "receiving" && phase !== "checking")) {
    throw new Fault("operation.not_cancellable", "It is about to end.");
  }
  const end = endOperation(parts, operation, { phase: "cancelled", note: "Cancelled on request." });
  const record = {
    ...entry.record,
    phase: "removing",
    generation: entry.record.generation + 1,
    updatedAt: timestamp(parts.clock),
  };
  const key = imageKey(record.id);
  return {
    result: operation,
    txn: {
      when: [unchanged(key, entry.revision), end.compare],
      then: [{ put: key, value: JSON.stringify(record) }, end.write],
    },
  };
}
