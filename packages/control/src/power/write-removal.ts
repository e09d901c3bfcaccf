import { vmKey, vmNameKey, vmStatusKey } from "@serai/model/vm";
import type { Compare, Write } from "@serai/store/store";
import { addressKeysOf } from "../networks/reserve-addresses.ts";
import { removeSnapshot } from "../snapshots/snapshot-records.ts";
import { endOperation, putEvent, unchanged, type ControlParts } from "../parts.ts";
import type { VmEntry } from "../view/vm-shelf.ts";

/** Removes all rows of a VM of which the host has nothing any more, and ends its operations. */
export async function writeRemoval(
  parts: ControlParts,
  { record, recordRevision }: VmEntry,
  signal: AbortSignal,
): Promise<void> {
  const { id, project, spec } = record;
  const when: Compare[] = [unchanged(vmKey(id), recordRevision)];
  const then: Write[] = [
    { delete: vmKey(id) },
    { delete: vmStatusKey(id) },
    { delete: vmNameKey(project, spec.name) },
    ...addressKeysOf(spec).map((key) => ({ delete: key })),
    putEvent(parts, {
      type: "vm.deleted",
      severity: "info",
      target: { kind: "vm", id, name: spec.name },
      message: `${spec.name} and its volumes were deleted.`,
    }),
  ];
  for (const { record: snapshot } of parts.view.snapshots.of(id)) then.push(...removeSnapshot(snapshot));
  for (const operation of parts.view.operations.openOn(id)) {
    const isDeletion = operation.verb === "vm.delete";
    const outcome = isDeletion
      ? ({ phase: "succeeded" } as const)
      : ({ phase: "cancelled", note: "The VM was deleted." } as const);
    const end = endOperation(parts, operation, outcome);
    when.push(end.compare);
    then.push(end.write);
  }
  const { succeeded, revision } = await parts.store.txn({ when, then }, signal);
  await parts.view.reached(revision, signal);
  if (!succeeded) throw new Error(`${id} changed while it was removed`); // the queue tries again
}
