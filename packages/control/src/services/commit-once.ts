import { createHash } from "node:crypto";
import { Fault } from "@serai/kit/fault";
import { operationKey, type Operation } from "@serai/model/operation";
import type { Plan } from "../commit.ts";
import { absent, type ControlParts } from "../parts.ts";
import type { Context } from "./request.ts";

/** Kept for a day; see `retention.ts`. Key: `/idempotency/<hash of actor and key>`. */
export type IdempotencyRecord = { hash: string; operation: string; at: string };

/**
 * Commits a request; with an idempotency key at most once, whoever repeats it and whenever it was interrupted.
 * `request` is what must be the same for the key to mean the same.
 */
export async function commitOnce(
  parts: ControlParts,
  { context, request }: { context: Context; request: unknown },
  plan: () => Plan<Operation>,
  signal: AbortSignal,
): Promise<Operation> {
  const { idempotencyKey, actor } = context;
  if (idempotencyKey === undefined) return parts.commit(plan, signal);
  const key = `/idempotency/${sha256(`${actor.name}\0${idempotencyKey}`)}`;
  const hash = sha256(JSON.stringify(request));
  return parts.commit(async () => {
    const before = await firstAnswer(parts, key, hash, signal);
    if (before !== undefined) return { result: before };
    const { txn, result } = plan();
    const record: IdempotencyRecord = { hash, operation: result.id, at: result.createdAt };
    return {
      result,
      txn: {
        when: [...(txn?.when ?? []), absent(key)],
        then: [...(txn?.then ?? []), { put: key, value: JSON.stringify(record) }],
      },
    };
  }, signal);
}

async function firstAnswer(
  parts: ControlParts,
  key: string,
  hash: string,
  signal: AbortSignal,
): Promise<Operation | undefined> {
  const found = await parts.store.get(key, signal);
  if (found === undefined) return undefined;
  const record = JSON.parse(found.value) as IdempotencyRecord;
  if (record.hash !== hash) {
    throw new Fault(
      "request.idempotency_mismatch",
      "This idempotency key was used for another request; use a fresh key for each request.",
    );
  }
  const operation = await parts.store.get(operationKey(record.operation), signal);
  return operation && (JSON.parse(operation.value) as Operation);
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
