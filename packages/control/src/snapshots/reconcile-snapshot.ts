import { faultToJson, isFault, Fault, type FaultJson } from "@serai/kit/fault";
import { timestamp } from "@serai/kit/clock";
import { MiB } from "@serai/model/vm-spec";
import { snapshotKey, type SnapshotRecord, type SnapshotReport } from "@serai/model/snapshot";
import { vmKey, type VmRecord } from "@serai/model/vm";
import type { Compare, Write } from "@serai/store/store";
import { endOperation, putEvent, unchanged, type ControlParts } from "../parts.ts";
import { finalFault } from "../power/is-final-fault.ts";
import { lookAgain, settled, type Reconcile, type Revisit } from "../queue/work-queue.ts";
import type { SnapshotEntry } from "../view/snapshot-shelf.ts";
import type { VmEntry } from "../view/vm-shelf.ts";
import { putSnapshot, removeSnapshot } from "./snapshot-records.ts";

const stepDeadlineMs = 60 * 60_000;

/**
 * Takes, reverts to or deletes one snapshot: one phase per call, decided from what is read now. While its VM is
 * between two states it waits to be woken by the VM's next change.
 */
export function reconcileSnapshot(parts: ControlParts): Reconcile {
  return async (id, queueSignal) => {
    const signal = AbortSignal.any([queueSignal, AbortSignal.timeout(stepDeadlineMs)]);
    const entry = parts.view.snapshots.get(id);
    const vm = entry && parts.view.vms.get(entry.record.vm);
    if (entry === undefined || vm === undefined || vm.record.isDeleting) return settled;
    const work = { parts, entry, vm };
    switch (entry.record.phase) {
      case "ready":
        return settled;
      case "creating":
        return create(work, signal);
      case "reverting":
        return revert(work, signal);
      case "deleting":
        return remove(work, signal);
    }
  };
}

type Work = { parts: ControlParts; entry: SnapshotEntry; vm: VmEntry };

async function create(work: Work, signal: AbortSignal): Promise<Revisit> {
  const { parts, entry, vm } = work;
  const { record } = entry;
  const { state } = vm.status.sighting;
  if (state !== "absent" && state !== "running" && state !== "paused" && state !== "suspended")
    return settled;
  try {
    if (state === "suspended") {
      throw new Fault(
        "vm.wrong_state",
        `${vm.record.spec.name} is suspended: start or stop it before its snapshot is taken.`,
      );
    }
    const report = await parts.host.actOnSnapshot("create", record.id, record.generation, signal);
    const { parent, ...facts } = report;
    const ready: SnapshotRecord = {
      ...record,
      phase: "ready",
      facts,
      ...(parent !== undefined && { parent }),
    };
    await write(
      work,
      { then: [putSnapshot(stamped(parts, ready))], event: created(work, report), end: succeeded },
      signal,
    );
    return settled;
  } catch (error) {
    return failed(work, error, removeSnapshot(record), signal);
  }
}

async function revert(work: Work, signal: AbortSignal): Promise<Revisit> {
  const { parts, entry, vm } = work;
  const { powerAfter, ...record } = entry.record;
  const back: SnapshotRecord = { ...record, phase: "ready" };
  const { state } = vm.status.sighting;
  if (vm.record.power !== "stopped") {
    const fault = new Fault(
      "vm.wrong_state",
      `${vm.record.spec.name} was started before it was reverted: revert it again.`,
    );
    return failed(work, fault, [putSnapshot(stamped(parts, back))], signal);
  }
  if (state !== "absent") return settled;
  try {
    await parts.host.actOnSnapshot("revert", record.id, record.generation, signal);
  } catch (error) {
    return failed(work, error, [putSnapshot(stamped(parts, back)), ...powerWrites(work, powerAfter)], signal);
  }
  const event = {
    type: "snapshot.reverted",
    severity: "info",
    message: `${vm.record.spec.name} is as it was in snapshot ${record.name}${record.hasMemory ? ", memory included" : ""}.`,
  } as const;
  const then = [putSnapshot(stamped(parts, back)), ...powerWrites(work, powerAfter)];
  await write(work, { then, event, end: succeeded }, signal);
  parts.nudge("vm", vm.record.id);
  return settled;
}

async function remove(work: Work, signal: AbortSignal): Promise<Revisit> {
  const { parts, entry, vm } = work;
  const { record } = entry;
  try {
    await parts.host.actOnSnapshot("delete", record.id, record.generation, signal);
  } catch (error) {
    return failed(work, error, [putSnapshot(stamped(parts, { ...record, phase: "ready" }))], signal);
  }
  const orphans = parts.view.snapshots.of(record.vm).filter((other) => other.record.parent === record.id);
  const adopted = orphans.map(({ record: { parent: _parent, ...child } }) =>
    putSnapshot(stamped(parts, { ...child, ...(record.parent !== undefined && { parent: record.parent }) })),
  );
  const event = {
    type: "snapshot.deleted",
    severity: "info",
    message: `Snapshot ${record.name} of ${vm.record.spec.name} was deleted.`,
  } as const;
  const when = orphans.map((child) => unchanged(snapshotKey(child.record.id), child.revision));
  await write(work, { when, then: [...removeSnapshot(record), ...adopted], event, end: succeeded }, signal);
  return settled;
}

const stamped = (parts: ControlParts, record: SnapshotRecord): SnapshotRecord => ({
  ...record,
  updatedAt: timestamp(parts.clock),
});

/** The VM goes on as it was before it had to stop for its revert. */
function powerWrites({ parts, vm: { record } }: Work, powerAfter: VmRecord["power"] | undefined): Write[] {
  if (powerAfter === undefined || powerAfter === "stopped") return [];
  const generation = record.generation + 1;
  const next: VmRecord = {
    ...record,
    power: powerAfter,
    stop: { isForced: false },
    startGeneration: generation,
    generation,
    updatedAt: timestamp(parts.clock),
  };
  return [{ put: vmKey(record.id), value: JSON.stringify(next) }];
}

function created({ vm, entry: { record } }: Work, { pauseMs, memoryBytes, isQuiesced }: SnapshotReport) {
  const memory = record.hasMemory ? ` with ${Math.ceil(memoryBytes / MiB)} MiB of memory` : "";
  const rest = isQuiesced && !record.hasMemory ? ", its file systems at rest" : "";
  return {
    type: "snapshot.created",
    severity: "info",
    message: `Snapshot ${record.name} of ${vm.record.spec.name} was taken${memory}${rest}; the guest stood still for ${pauseMs} ms.`,
    data: { snapshot: record.id, pauseMs, memoryBytes, isQuiesced },
  } as const;
}

type Ending = { phase: "succeeded" } | { phase: "failed"; fault: FaultJson };
const succeeded: Ending = { phase: "succeeded" };

/** What cannot get better by itself ends the request; anything else is tried again by the queue. */
async function failed(work: Work, error: unknown, then: Write[], signal: AbortSignal): Promise<Revisit> {
  const { parts, entry, vm } = work;
  // Its record changed on the way to the host: the next look reads it.
  if (isFault(error, "vm.stale_generation")) return lookAgain;
  const fault = error instanceof Fault && error.kind === "conflict" ? faultToJson(error) : finalFault(error);
  if (fault === undefined || signal.aborted) throw error;
  parts.log.warn({ snapshot: entry.record.id, err: error }, "a snapshot request failed");
  const event = {
    type: "snapshot.failed",
    severity: "error",
    message: `Snapshot ${entry.record.name} of ${vm.record.spec.name}: ${fault.message}`,
  } as const;
  await write(work, { then, event, end: { phase: "failed", fault } }, signal);
  parts.nudge("vm", vm.record.id);
  return settled;
}

type Writing = {
  when?: Compare[];
  then: Write[];
  event: { type: string; severity: "info" | "error"; message: string; data?: Record<string, unknown> };
  end: Ending;
};

/** One transaction: records, the operation's end, the event. Throws when somebody was faster; the queue tries again. */
async function write({ parts, entry, vm }: Work, writing: Writing, signal: AbortSignal): Promise<void> {
  const { record, revision } = entry;
  const now = parts.view.vms.get(vm.record.id) ?? vm;
  const when = [unchanged(snapshotKey(record.id), revision), ...(writing.when ?? [])];
  const isVmWritten = writing.then.some((step) => "put" in step && step.put === vmKey(vm.record.id));
  if (isVmWritten) when.push(unchanged(vmKey(vm.record.id), vm.recordRevision));
  const target = { kind: "vm", id: vm.record.id, name: now.record.spec.name } as const;
  const then = [...writing.then, putEvent(parts, { ...writing.event, target })];
  for (const operation of parts.view.operations.openOn(vm.record.id)) {
    if (!operation.verb.startsWith("snapshot.") || operation.note !== record.name) continue;
    const end = endOperation(parts, operation, writing.end);
    when.push(end.compare);
    then.push(end.write);
  }
  const { succeeded: isWritten, revision: reached } = await parts.store.txn({ when, then }, signal);
  await parts.view.reached(reached, signal);
  if (!isWritten) throw new Error(`snapshot ${record.id} or its VM changed meanwhile`);
}
