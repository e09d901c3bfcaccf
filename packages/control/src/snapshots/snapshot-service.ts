import { timestamp } from "@serai/kit/clock";
import { Fault } from "@serai/kit/fault";
import { newId } from "@serai/kit/id";
import type { Operation } from "@serai/model/operation";
import { snapshotKey, snapshotNameKey, type SnapshotRecord } from "@serai/model/snapshot";
import { vmKey, type VmPower, type VmRecord } from "@serai/model/vm";
import type { Compare, Write } from "@serai/store/store";
import type { Plan } from "../commit.ts";
import { absent, newOperation, putOperation, unchanged, type ControlParts } from "../parts.ts";
import { authorize } from "../services/actor.ts";
import { commitOnce } from "../services/commit-once.ts";
import { findVm } from "../services/find-vm.ts";
import type { Context } from "../services/request.ts";
import type { SnapshotService } from "../services/services.ts";
import { targetOf } from "../services/vm-service.ts";
import type { SnapshotEntry } from "../view/snapshot-shelf.ts";
import type { View } from "../view/view.ts";
import type { VmEntry } from "../view/vm-shelf.ts";
import { putSnapshot } from "./snapshot-records.ts";

export const maxSnapshotsPerVm = 64;

/** Requests about a VM's snapshots: each is one transaction of intent and receipt; the reconciler does the rest. */
export function createSnapshotService(parts: ControlParts): SnapshotService {
  const { view } = parts;
  const ask = async (
    context: Context,
    request: unknown,
    plan: () => Plan<Operation>,
    signal: AbortSignal,
  ) => {
    authorize(context.actor, "operator");
    const operation = await commitOnce(parts, { context, request }, plan, signal);
    for (const { record } of view.snapshots.of(operation.target.id)) {
      if (record.phase !== "ready") parts.nudge("snapshot", record.id);
    }
    parts.nudge("vm", operation.target.id);
    return operation;
  };
  return {
    list: (vm, actor) => {
      authorize(actor, "viewer");
      const { record } = findVm(view, vm);
      const items = view.snapshots
        .of(record.id)
        .map((entry) => view.snapshots.json(entry.record.id) ?? "null");
      return { items, revision: view.revision };
    },
    get: (vm, reference, actor) => {
      authorize(actor, "viewer");
      const { record } = findSnapshot(view, findVm(view, vm), reference);
      return { id: record.id, generation: record.generation, json: view.snapshots.json(record.id) ?? "null" };
    },
    create: (vm, wish, context, signal) =>
      ask(
        context,
        ["snapshot.create", vm, wish],
        () => planCreation(parts, findVm(view, vm), { wish, context }),
        signal,
      ),
    revert: (vm, reference, context, signal) =>
      ask(
        context,
        ["snapshot.revert", vm, reference],
        () => planRevert(parts, vm, { reference, context }),
        signal,
      ),
    delete: (vm, reference, context, signal) =>
      ask(
        context,
        ["snapshot.delete", vm, reference],
        () => planDeletion(parts, vm, { reference, context }),
        signal,
      ),
  };
}

/** By id or name. */
function findSnapshot(view: View, vm: VmEntry, reference: string): SnapshotEntry {
  const found = view.snapshots
    .of(vm.record.id)
    .find(({ record }) => record.id === reference || record.name === reference);
  if (found !== undefined) return found;
  throw new Fault("snapshot.not_found", `${vm.record.spec.name} has no snapshot called ${reference}.`);
}

function refuseUnlessIdle(view: View, { record }: VmEntry): void {
  if (record.isDeleting) throw new Fault("vm.wrong_state", `${record.spec.name} is being deleted.`);
  const busy = view.snapshots.busyOf(record.id)?.record;
  if (busy === undefined) return;
  const doing = {
    creating: "being taken",
    reverting: "being reverted to",
    deleting: "being deleted",
    ready: "ready",
  };
  throw new Fault(
    "snapshot.wrong_state",
    `Snapshot ${busy.name} is ${doing[busy.phase]}: wait until that is done.`,
  );
}

type Creation = { wish: Parameters<SnapshotService["create"]>[1]; context: Context };

function planCreation(parts: ControlParts, vm: VmEntry, { wish, context }: Creation): Plan<Operation> {
  const { view } = parts;
  refuseUnlessIdle(view, vm);
  const { record } = vm;
  const others = view.snapshots.of(record.id);
  if (others.some((other) => other.record.name === wish.name)) {
    throw new Fault(
      "name.taken",
      `${record.spec.name} has a snapshot called ${wish.name} already: choose another name.`,
    );
  }
  if (others.length >= maxSnapshotsPerVm) {
    throw new Fault(
      "snapshot.wrong_state",
      `${record.spec.name} has ${others.length} snapshots, which is the most: delete some.`,
    );
  }
  const isUp = record.power === "running" || record.power === "paused";
  if (wish.hasMemory === true && !isUp) {
    throw new Fault(
      "vm.wrong_state",
      `${record.spec.name} does not run, so it has no memory to keep: take the snapshot without.`,
    );
  }
  const createdAt = timestamp(parts.clock);
  const snapshot: SnapshotRecord = {
    id: newId("snap"),
    vm: record.id,
    project: record.project,
    name: wish.name,
    description: wish.description ?? "",
    hasMemory: wish.hasMemory === true,
    phase: "creating",
    generation: 1,
    createdAt,
    updatedAt: createdAt,
  };
  const nameKey = snapshotNameKey(record.id, wish.name);
  return receipt(parts, vm, {
    verb: "snapshot.create",
    snapshot,
    context,
    when: [absent(nameKey)],
    then: [{ put: nameKey, value: snapshot.id }],
  });
}

type Request = { reference: string; context: Context };

function planRevert(parts: ControlParts, reference: string, request: Request): Plan<Operation> {
  const vm = findVm(parts.view, reference);
  refuseUnlessIdle(parts.view, vm);
  const { record: snapshot, revision } = findSnapshot(parts.view, vm, request.reference);
  const { record } = vm;
  const isUp = record.power === "running" || record.power === "paused";
  const powerAfter: VmPower = snapshot.hasMemory || isUp ? "running" : "stopped";
  const stopped: VmRecord = {
    ...record,
    power: "stopped",
    stop: { isForced: true },
    generation: record.generation + 1,
    updatedAt: timestamp(parts.clock),
  };
  return receipt(
    parts,
    { ...vm, record: stopped },
    {
      verb: "snapshot.revert",
      snapshot: { ...next(parts, snapshot), phase: "reverting", powerAfter },
      context: request.context,
      when: [unchanged(snapshotKey(snapshot.id), revision)],
      then: [{ put: vmKey(record.id), value: JSON.stringify(stopped) }],
    },
  );
}

function planDeletion(parts: ControlParts, reference: string, request: Request): Plan<Operation> {
  const vm = findVm(parts.view, reference);
  refuseUnlessIdle(parts.view, vm);
  const { record: snapshot, revision } = findSnapshot(parts.view, vm, request.reference);
  return receipt(parts, vm, {
    verb: "snapshot.delete",
    snapshot: { ...next(parts, snapshot), phase: "deleting" },
    context: request.context,
    when: [unchanged(snapshotKey(snapshot.id), revision)],
    then: [],
  });
}

const next = (parts: ControlParts, snapshot: SnapshotRecord): SnapshotRecord => ({
  ...snapshot,
  generation: snapshot.generation + 1,
  updatedAt: timestamp(parts.clock),
});

type Receipt = { verb: string; snapshot: SnapshotRecord; context: Context; when: Compare[]; then: Write[] };

/** The transaction of a request; the receipt's note names the snapshot that it is about. */
function receipt(parts: ControlParts, { record, recordRevision }: VmEntry, plan: Receipt): Plan<Operation> {
  const operation = newOperation(parts, {
    verb: plan.verb,
    target: targetOf(record),
    generation: record.generation,
    actor: plan.context.actor.name,
    note: plan.snapshot.name,
  });
  return {
    result: operation,
    txn: {
      when: [unchanged(vmKey(record.id), recordRevision), ...plan.when],
      then: [putSnapshot(plan.snapshot), putOperation(operation), ...plan.then],
    },
  };
}
