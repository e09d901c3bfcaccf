import { delay } from "@serai/kit/deadline";
import { eventKey } from "@serai/model/event";
import { operationKey } from "@serai/model/operation";
import type { Write } from "@serai/store/store";
import type { IdempotencyRecord } from "./services/commit-once.ts";
import type { ControlParts } from "./parts.ts";

export type RetentionLimits = {
  operationAgeMs: number;
  maxOperations: number;
  eventAgeMs: number;
  maxEvents: number;
  idempotencyAgeMs: number;
  /** History that watches may go back. */
  keepRevisions: number;
};

const dayMs = 86_400_000;
const hourMs = 3_600_000;

export const defaultRetention: RetentionLimits = {
  operationAgeMs: 3 * dayMs,
  maxOperations: 10_000,
  eventAgeMs: 30 * dayMs,
  maxEvents: 100_000,
  idempotencyAgeMs: dayMs,
  keepRevisions: 10_000,
};

const batchSize = 500;

/** Forgets what is old, every hour, until the signal fires. */
export async function keepTidy(parts: ControlParts, signal: AbortSignal): Promise<void> {
  for (;;) {
    await delay(hourMs, signal);
    try {
      await forgetOld(parts, defaultRetention, signal);
    } catch (error) {
      signal.throwIfAborted();
      parts.log.warn({ err: error }, "old records could not be removed; the next try is in an hour");
    }
  }
}

/** Removes ended operations, events, sessions and idempotency records that are past their time or number. */
export async function forgetOld(
  parts: ControlParts,
  limits: RetentionLimits,
  signal: AbortSignal,
): Promise<void> {
  const doomed = [
    ...oldOperations(parts, limits),
    ...oldSessions(parts),
    ...(await oldEvents(parts, limits, signal)),
    ...(await oldByTime(
      parts,
      "/idempotency/",
      (value) => {
        return Date.parse((value as IdempotencyRecord).at) + limits.idempotencyAgeMs;
      },
      signal,
    )),
    ...(await oldByTime(
      parts,
      "/login-links/",
      (value) => Date.parse((value as { expiresAt: string }).expiresAt),
      signal,
    )),
  ];
  for (let at = 0; at < doomed.length; at += batchSize) {
    const then: Write[] = doomed.slice(at, at + batchSize).map((key) => ({ delete: key }));
    await parts.store.txn({ then }, signal);
  }
  const oldest = parts.view.revision - limits.keepRevisions;
  if (oldest > 0) await parts.store.compact(oldest, signal);
}

function oldOperations({ view, clock }: ControlParts, limits: RetentionLimits): string[] {
  const keys: string[] = [];
  let surplus = view.operations.size - limits.maxOperations;
  for (const id of view.operations.ids()) {
    if (view.operations.isOpen(id)) continue;
    const endedAt = view.operations.get(id)?.endedAt;
    const isOld = endedAt !== undefined && clock.nowMs() - Date.parse(endedAt) > limits.operationAgeMs;
    if (!isOld && surplus <= 0) break; // ids sort by time: what follows is younger
    surplus -= 1;
    keys.push(operationKey(id));
  }
  return keys;
}

function oldSessions({ view, clock }: ControlParts): string[] {
  return [...view.access.sessions()]
    .filter(([, session]) => Date.parse(session.expiresAt) <= clock.nowMs())
    .map(([hash]) => `/sessions/${hash}`);
}

/** Event ids sort by time, so the newest that are to stay are counted from the end. */
async function oldEvents(
  { store, clock }: ControlParts,
  limits: RetentionLimits,
  signal: AbortSignal,
): Promise<string[]> {
  const keys: string[] = [];
  let seen = 0;
  for (let after = eventKey("ev-~"); ;) {
    const page = await store.range({ prefix: "/events/", after, limit: 1000, isReverse: true }, signal);
    for (const { key, value } of page.items) {
      seen += 1;
      const { at } = JSON.parse(value) as { at: string };
      if (seen > limits.maxEvents || clock.nowMs() - Date.parse(at) > limits.eventAgeMs) keys.push(key);
      after = key;
    }
    if (!page.hasMore) return keys;
  }
}

async function oldByTime(
  { store, clock }: ControlParts,
  prefix: string,
  endOf: (value: unknown) => number,
  signal: AbortSignal,
): Promise<string[]> {
  const keys: string[] = [];
  for (let after: string | undefined; ;) {
    const page = await store.range({ prefix, limit: 1000, ...(after !== undefined && { after }) }, signal);
    for (const { key, value } of page.items) if (endOf(JSON.parse(value)) <= clock.nowMs()) keys.push(key);
    if (!page.hasMore) return keys;
    after = page.items.at(-1)?.key;
  }
}
