import { isDeepStrictEqual } from "node:util";
import { Fault } from "@serai/kit/fault";
import { timestamp } from "@serai/kit/clock";
import type { Operation } from "@serai/model/operation";
import { applyVmChange } from "@serai/model/complete-vm-spec";
import { checkVmSpec } from "@serai/model/check-vm-spec";
import { planPower, type PowerPlan } from "@serai/model/plan-power";
import { vmKey, vmNameKey, vmStatusKey, type VmRecord } from "@serai/model/vm";
import type { CompleteVmSpec } from "@serai/model/vm-spec";
import type { Compare, Write } from "@serai/store/store";
import type { Plan } from "../commit.ts";
import { absent, newOperation, putEvent, putOperation, unchanged, type ControlParts } from "../parts.ts";
import { reserveAddresses } from "../networks/reserve-addresses.ts";
import { hasProcess, type VmEntry } from "../view/vm-shelf.ts";
import { authorize } from "./actor.ts";
import { checkAdmission } from "./check-admission.ts";
import { commitOnce } from "./commit-once.ts";
import { findVm } from "./find-vm.ts";
import { pageByName } from "./list-page.ts";
import { planClone } from "./plan-clone.ts";
import { nameTaken, planCreation, specContext, specWorld } from "./plan-creation.ts";
import type { Context } from "./request.ts";
import type { PowerRequest, VmService } from "./services.ts";

/** Requests about VMs: each is one transaction of intent, operation and event. Controllers do the rest. */
export function createVmService(parts: ControlParts): VmService {
  const { view } = parts;
  const change = changer(parts);
  return {
    list: (page, actor) => {
      authorize(actor, "viewer");
      const jsonOf = (name: string) => view.vms.json(view.vms.idOf(name) ?? "") ?? "null";
      return { ...pageByName(view.vms.names(), page, jsonOf), revision: view.revision };
    },
    get: (reference, actor) => {
      authorize(actor, "viewer");
      const { record } = findVm(view, reference);
      return { id: record.id, generation: record.generation, json: view.vms.json(record.id) ?? "null" };
    },
    create: async (spec, options, context, signal) => {
      authorize(context.actor, "operator");
      const operation = await commitOnce(
        parts,
        { context, request: ["create", spec, options] },
        () => planCreation(parts, { spec, isStarted: options.start === true, actor: context.actor }),
        signal,
      );
      parts.nudge("vm", operation.target.id);
      return operation;
    },
    clone: async (reference, wish, context, signal) => {
      authorize(context.actor, "operator");
      const operation = await commitOnce(
        parts,
        { context, request: ["clone", reference, wish] },
        () => planClone(parts, findVm(view, reference), { wish, actor: context.actor }),
        signal,
      );
      parts.nudge("vm", operation.target.id);
      return operation;
    },
    change: (reference, vmChange, context, signal) =>
      change(
        reference,
        { context, request: ["change", vmChange] },
        (entry) => planChange(parts, entry, vmChange, context),
        signal,
      ),
    delete: (reference, options, context, signal) =>
      change(
        reference,
        { context, request: ["delete", options] },
        (entry) => planDeletion(parts, entry, options, context),
        signal,
      ),
    requestPower: (reference, request, context, signal) =>
      change(
        reference,
        { context, request },
        (entry) => planPowerChange(parts, entry, request, context),
        signal,
      ),
  };
}

type Asked = { context: Context; request: unknown };

/** Requests about one VM that exists: found once, planned from what it is when the transaction is made. */
function changer(parts: ControlParts) {
  const { view } = parts;
  return async (
    reference: string,
    { context, request }: Asked,
    plan: (entry: VmEntry) => Plan<Operation>,
    signal: AbortSignal,
  ): Promise<Operation> => {
    authorize(context.actor, "operator");
    const id = findVm(view, reference).record.id;
    const operation = await commitOnce(
      parts,
      { context, request: [id, request] },
      () => {
        const entry = findVm(view, id);
        checkGeneration(entry, context.expectedGeneration);
        return plan(entry);
      },
      signal,
    );
    parts.nudge("vm", id);
    return operation;
  };
}

function checkGeneration({ record }: VmEntry, expected: number | undefined): void {
  if (expected === undefined || expected === record.generation) return;
  throw new Fault(
    "request.precondition_failed",
    `${record.spec.name} has changed since: it is at generation ${record.generation}, not ${expected}. Look again.`,
    { details: { generation: record.generation } },
  );
}

type Edit = { verb: string; record: VmRecord; actor: string; hasEnded?: boolean; note?: string };

/** The transaction that replaces a VM's record and leaves a receipt. */
export function planEdit(
  parts: ControlParts,
  entry: VmEntry,
  edit: Edit,
  extra: { when?: Compare[]; then?: Write[] } = {},
): Plan<Operation> {
  const { verb, actor, hasEnded, note } = edit;
  const record: VmRecord = {
    ...edit.record,
    generation: entry.record.generation + 1,
    updatedAt: timestamp(parts.clock),
  };
  const operation = newOperation(parts, {
    verb,
    actor,
    generation: record.generation,
    target: targetOf(record),
    ...(hasEnded !== undefined && { hasEnded }),
    ...(note !== undefined && { note }),
  });
  return {
    result: operation,
    txn: {
      when: [unchanged(vmKey(record.id), entry.recordRevision), ...(extra.when ?? [])],
      then: [
        { put: vmKey(record.id), value: JSON.stringify(record) },
        putOperation(operation),
        ...(extra.then ?? []),
      ],
    },
  };
}

export const targetOf = (record: VmRecord) =>
  ({ kind: "vm", id: record.id, name: record.spec.name }) as const;

function planChange(
  parts: ControlParts,
  entry: VmEntry,
  change: Parameters<VmService["change"]>[1],
  { actor }: Context,
): Plan<Operation> {
  const { record } = entry;
  if (record.isDeleting) throw new Fault("vm.wrong_state", `${record.spec.name} is being deleted.`);
  const asked = applyVmChange(record.spec, change, specContext(parts.view));
  checkVmSpec(asked, specWorld(parts.view, record.id));
  const { spec, when, then } = reserveAddresses(parts.view, record.id, asked, record.spec);
  const extra: { when: Compare[]; then: Write[] } = { when: [...when], then: [...then] };
  if (spec.name !== record.spec.name) {
    if (parts.view.vms.idOf(spec.name) !== undefined) throw nameTaken(spec.name);
    const nameKey = vmNameKey(record.project, spec.name);
    extra.when.push(absent(nameKey));
    extra.then.push(
      { put: nameKey, value: record.id },
      { delete: vmNameKey(record.project, record.spec.name) },
    );
  }
  const fields = Object.keys(change);
  extra.then.push(
    putEvent(parts, {
      type: "vm.changed",
      severity: "info",
      target: { kind: "vm", id: record.id, name: spec.name },
      actor: actor.name,
      message: `${record.spec.name} was changed: ${fields.join(", ")}.`,
      data: { fields },
    }),
  );
  const isLater =
    hasProcess(entry.status) &&
    fields.some((field) => !["name", "description", "labels", "policy"].includes(field)) &&
    !(fields.every((field) => field === "nics") && isDeepStrictEqual(cards(record.spec), cards(spec)));
  const note = isLater ? { note: "Takes effect at the next start." } : {};
  return planEdit(
    parts,
    entry,
    { verb: "vm.change", record: { ...record, spec }, actor: actor.name, hasEnded: true, ...note },
    extra,
  );
}

/** What of NICs the guest sees; groups and limits are its network's, which follows at once. */
const cards = ({ nics }: CompleteVmSpec) =>
  nics.map(({ groups: _groups, bandwidth: _bandwidth, ...card }) => card);

function planDeletion(
  parts: ControlParts,
  entry: VmEntry,
  { force }: { force?: boolean },
  { actor }: Context,
): Plan<Operation> {
  const { record, status } = entry;
  if (record.isDeleting) {
    const open = parts.view.operations.openOn(record.id).find((operation) => operation.verb === "vm.delete");
    if (open !== undefined) return { result: open };
  }
  if (force !== true && (record.power === "running" || record.power === "paused" || hasProcess(status))) {
    throw new Fault(
      "vm.wrong_state",
      `${record.spec.name} is running: stop it first, or delete it by force.`,
    );
  }
  return planEdit(parts, entry, {
    verb: "vm.delete",
    record: { ...record, isDeleting: true },
    actor: actor.name,
  });
}

function planPowerChange(
  parts: ControlParts,
  entry: VmEntry,
  request: PowerRequest,
  { actor }: Context,
): Plan<Operation> {
  const { record } = entry;
  const wish = {
    verb: request.verb,
    ...("isForced" in request && request.isForced !== undefined && { isForced: request.isForced }),
    ...("deadlineSeconds" in request &&
      request.deadlineSeconds !== undefined && { deadlineMs: request.deadlineSeconds * 1000 }),
  };
  const plan = planPower(record, entry.status, wish, parts.clock.nowMs());
  const verb = `vm.${request.verb}`;
  if (plan.kind === "refused") throw new Fault("vm.wrong_state", plan.reason);
  if (plan.kind === "holds") {
    const { generation } = record;
    const operation = newOperation(parts, {
      verb,
      target: targetOf(record),
      generation,
      actor: actor.name,
      hasEnded: true,
    });
    return {
      result: operation,
      txn: { when: [unchanged(vmKey(record.id), entry.recordRevision)], then: [putOperation(operation)] },
    };
  }
  if (plan.isFreshStart) checkAdmission(parts, record);
  return planEdit(
    parts,
    entry,
    { verb, record: withPower(record, plan), actor: actor.name },
    freshStart(entry, plan),
  );
}

function withPower(record: VmRecord, plan: PowerPlan & { kind: "change" }): VmRecord {
  return {
    ...record,
    power: plan.power,
    ...(plan.stop && { stop: plan.stop }),
    ...(plan.resetCount !== undefined && { resetCount: plan.resetCount }),
    ...(plan.isFreshStart && { startGeneration: record.generation + 1 }),
  };
}

/** Whoever asks for a start does not want to wait for a back-off that others earned. */
function freshStart({ status, statusRevision }: VmEntry, plan: PowerPlan & { kind: "change" }) {
  if (!plan.isFreshStart || (status.restartAt === undefined && status.fault === undefined)) return {};
  const { restartAt: _restartAt, fault: _fault, ...rest } = status;
  const key = vmStatusKey(status.vm);
  return {
    when: [unchanged(key, statusRevision)],
    then: [{ put: key, value: JSON.stringify({ ...rest, restarts: 0 }) }],
  };
}
