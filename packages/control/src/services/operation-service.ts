import { Fault, isFault } from "@serai/kit/fault";
import { withDeadline } from "@serai/kit/deadline";
import { planCancellation } from "@serai/model/plan-cancellation";
import { timestamp } from "@serai/kit/clock";
import { vmKey } from "@serai/model/vm";
import type { Operation } from "@serai/model/operation";
import type { Plan } from "../commit.ts";
import { endOperation, unchanged, type ControlParts } from "../parts.ts";
import type { View } from "../view/view.ts";
import { authorize } from "./actor.ts";
import { planImageCancellation } from "./plan-image-cancellation.ts";
import { defaultPageSize, type JsonObject } from "./request.ts";
import type { OperationService } from "./services.ts";

/** Receipts: to list, to wait for, to cancel. */
export function createOperationService(parts: ControlParts): OperationService {
  const { view } = parts;
  return {
    list: ({ limit = defaultPageSize, after, target, isEnded }, actor) => {
      authorize(actor, "viewer");
      const wanted = target === undefined ? undefined : targetId(view, target);
      const ids = view.operations.ids();
      const items: string[] = [];
      for (let at = ids.length - 1; at >= 0; at--) {
        const id = ids[at] as string;
        if (after !== undefined && id >= after) continue;
        if (wanted !== undefined && view.operations.targetOf(id) !== wanted) continue;
        if (isEnded !== undefined && view.operations.isOpen(id) === isEnded) continue;
        if (items.length === limit) {
          const last = (JSON.parse(items.at(-1) as string) as Operation).id;
          return { items, next: last, revision: view.revision };
        }
        items.push(view.operations.json(id) as string);
      }
      return { items, revision: view.revision };
    },
    get: async (reference, { waitMs = 0 }, actor, signal) => {
      authorize(actor, "viewer");
      const id = findOperation(view, reference);
      if (waitMs > 0 && view.operations.isOpen(id)) await untilEnded(view, id, waitMs, signal);
      return asJson(view, id);
    },
    cancel: async (reference, actor, signal) => {
      authorize(actor, "operator");
      const id = findOperation(view, reference);
      const operation = await parts.commit(() => planCancel(parts, id), signal);
      parts.nudge(operation.target.kind === "image" ? "image" : "vm", operation.target.id);
      return asJson(view, id);
    },
  };
}

function targetId(view: View, reference: string): string {
  return (
    view.vms.idOf(reference) ?? view.images.idOf(reference) ?? view.networks.idOf(reference) ?? reference
  );
}

function findOperation(view: View, reference: string): string {
  if (view.operations.has(reference)) return reference;
  const found = view.operations
    .ids()
    .filter((id) => id.startsWith(reference) || id.startsWith(`op-${reference}`));
  if (found.length === 1) return found[0] as string;
  if (found.length === 0) throw new Fault("operation.not_found", `There is no operation ${reference}.`);
  throw new Fault(
    "name.ambiguous",
    `${found.length} operations begin with ${reference}: give more characters.`,
    {
      details: { candidates: found.slice(0, 10).map((id) => ({ id, name: view.operations.get(id)?.verb })) },
    },
  );
}

function asJson(view: View, id: string): JsonObject {
  const json = view.operations.json(id);
  if (json === undefined) throw new Fault("operation.not_found", `There is no operation ${id} any more.`);
  return { id, generation: (JSON.parse(json) as Operation).generation, json };
}

/** Resolves when the operation has ended or the time is up; both are ordinary. */
async function untilEnded(view: View, id: string, waitMs: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = view.listen((changes) => {
    if (
      changes.some((change) => change.kind === "operation" && change.id === id) &&
      !view.operations.isOpen(id)
    )
      resolve();
  });
  try {
    await withDeadline({ ms: waitMs, code: "request.timeout", message: "Not yet." }, signal, () => promise);
  } catch (error) {
    if (!isFault(error, "request.timeout")) throw error;
  } finally {
    stop();
  }
}

function planCancel(parts: ControlParts, id: string): Plan<Operation> {
  const operation = parts.view.operations.get(id);
  if (operation === undefined)
    throw new Fault("operation.not_found", `There is no operation ${id} any more.`);
  if (!parts.view.operations.isOpen(id)) {
    throw new Fault("operation.not_cancellable", `It has ${operation.phase} already.`, {
      details: { phase: operation.phase },
    });
  }
  if (operation.target.kind === "image") return planImageCancellation(parts, operation);
  const entry = parts.view.vms.get(operation.target.id);
  const plan = entry && planCancellation(operation, entry.record, entry.status);
  if (entry === undefined || plan === undefined || plan.kind === "refused") {
    const reason = plan?.kind === "refused" ? plan.reason : "It is about to end.";
    throw new Fault("operation.not_cancellable", reason);
  }
  const end = endOperation(parts, operation, { phase: "cancelled", note: "Cancelled on request." });
  const record = {
    ...entry.record,
    ...plan.fields,
    generation: entry.record.generation + 1,
    updatedAt: timestamp(parts.clock),
  };
  const key = vmKey(record.id);
  return {
    result: operation,
    txn: {
      when: [unchanged(key, entry.recordRevision), end.compare],
      then: [{ put: key, value: JSON.stringify(record) }, end.write],
    },
  };
}
