import { timestamp } from "@serai/kit/clock";
import type { Operation } from "@serai/model/operation";
import { operationOutcome, type Outcome } from "@serai/model/operation-outcome";
import { vmHappenings, type Happening } from "@serai/model/vm-events";
import { vmKey, vmStatusKey, type VmRecord, type VmStatus } from "@serai/model/vm";
import type { Compare, Write } from "@serai/store/store";
import { endOperation, putEvent, unchanged, type ControlParts } from "../parts.ts";
import type { VmEntry } from "../view/vm-shelf.ts";
import { isSameStatus } from "./note-sighting.ts";

export type VmWrite = {
  status?: VmStatus;
  /** What becomes of the intent; its generation rises. */
  intent?: Partial<VmRecord>;
  /** Ends these open operations in this way; the others are judged by what is seen. */
  ends?: { operation: Operation; outcome: Outcome }[];
  happenings?: Happening[];
};

/**
 * Writes what a look or a step changed about one VM in one transaction: status, intent, events, and the
 * operations that this ended. Writes nothing when nothing changed. Answers the entry as it is then, or undefined
 * when somebody else changed it first: look again.
 */
export async function writeVm(
  parts: ControlParts,
  entry: VmEntry,
  write: VmWrite,
  signal: AbortSignal,
): Promise<VmEntry | undefined> {
  const record = nextRecord(parts, entry.record, write.intent);
  const status = write.status ?? entry.status;
  const when: Compare[] = [unchanged(vmKey(record.id), entry.recordRevision)];
  const then: Write[] = [];
  if (record !== entry.record) then.push({ put: vmKey(record.id), value: JSON.stringify(record) });
  if (write.status !== undefined && !isSameStatus(write.status, entry.status)) {
    when.push(unchanged(vmStatusKey(record.id), entry.statusRevision));
    then.push({
      put: vmStatusKey(record.id),
      value: JSON.stringify({ ...status, updatedAt: timestamp(parts.clock) }),
    });
  }
  for (const { operation, outcome } of endings(parts, { record, status, write })) {
    const end = endOperation(parts, operation, outcome);
    when.push(end.compare);
    then.push(end.write);
  }
  const told = [
    ...vmHappenings(record.spec.name, entry.status.sighting, status.sighting),
    ...(write.happenings ?? []),
  ];
  const target = { kind: "vm", id: record.id, name: record.spec.name } as const;
  for (const happening of told) then.push(putEvent(parts, { ...happening, target }));
  if (then.length === 0) return entry;
  const { succeeded, revision } = await parts.store.txn({ when, then }, signal);
  await parts.view.reached(revision, signal);
  return succeeded ? parts.view.vms.get(record.id) : undefined;
}

function nextRecord(parts: ControlParts, record: VmRecord, intent: Partial<VmRecord> | undefined): VmRecord {
  if (intent === undefined) return record;
  return { ...record, ...intent, generation: record.generation + 1, updatedAt: timestamp(parts.clock) };
}

type Judged = { record: VmRecord; status: VmStatus; write: VmWrite };

function endings(parts: ControlParts, { record, status, write }: Judged) {
  const forced = write.ends ?? [];
  const ended = new Set(forced.map(({ operation }) => operation.id));
  const judged = parts.view.operations
    .openOn(record.id)
    .filter((operation) => !ended.has(operation.id))
    .map((operation) => ({ operation, outcome: operationOutcome(operation, record, status) }))
    .filter((pair): pair is { operation: Operation; outcome: Outcome } => pair.outcome !== undefined);
  return [...forced, ...judged];
}
