import assert from "node:assert/strict";

import type { KeyValue, Txn } from "../src/store.ts";

/** Each lane has one transaction in flight at a time, so the lanes together fill groups. */
export const laneNames = ["lane0", "lane1", "lane2", "lane3", "lane4", "lane5"] as const;

export type Lane = (typeof laneNames)[number];

/** The lane's transaction number `count`: three keys that must agree, and one that comes and goes. */
export function step(lane: Lane, count: number): Txn {
  const value = String(count);
  return {
    when: [{ key: `${lane}/a`, target: "version", is: "=", to: count - 1 }],
    then: [
      { put: `${lane}/a`, value },
      { put: `${lane}/b`, value },
      { put: `${lane}/c`, value: value.padEnd(3000) }, // spills over pages
      count % 2 === 0 ? { put: `${lane}/even`, value } : { delete: `${lane}/even` },
    ],
  };
}

export type Acknowledged = { counts: Map<string, number>; revision: number };

export function nothingAcknowledged(): Acknowledged {
  return { counts: new Map(), revision: 0 };
}

export function acknowledge(acknowledged: Acknowledged, line: string): void {
  const [lane, count, revision] = line.split(" ") as [string, string, string];
  acknowledged.counts.set(lane, Number(count));
  acknowledged.revision = Math.max(acknowledged.revision, Number(revision));
}

/**
 * Checks that nothing is half done, and answers the revision. Every transaction advances one lane by one and the
 * revision by one, so the revision must be the sum of the lanes: none lost in the middle, none applied twice.
 */
export function checkWhole(items: readonly KeyValue[]): { revision: number; counts: Map<string, number> } {
  const byKey = new Map(items.map((item) => [item.key, item]));
  const counts = new Map<string, number>();
  let sum = 0;
  for (const lane of laneNames) {
    const [a, b, c, even] = ["a", "b", "c", "even"].map((name) => byKey.get(`${lane}/${name}`));
    const count = Number(a?.value ?? 0);
    assert.equal(a?.version ?? 0, count, `${lane}: version`);
    assert.equal(Number(b?.value ?? 0), count, `${lane}: b is of another transaction than a`);
    assert.equal(Number(c?.value ?? 0), count, `${lane}: c is of another transaction than a`);
    assert.equal(even?.value, count > 0 && count % 2 === 0 ? String(count) : undefined, `${lane}: even`);
    counts.set(lane, count);
    sum += count;
  }
  const revision = Math.max(0, ...items.map((item) => item.modRevision));
  assert.equal(revision, sum, "the revision is not the number of transactions");
  return { revision, counts };
}

/** Checks that all that was acknowledged is there, and nothing that was never asked for. */
export function checkKept(
  found: { revision: number; counts: Map<string, number> },
  acknowledged: Acknowledged,
): void {
  assert.ok(found.revision >= acknowledged.revision, `revision ${found.revision} < ${acknowledged.revision}`);
  for (const [lane, count] of acknowledged.counts)
    assert.ok(
      (found.counts.get(lane) ?? 0) >= count,
      `${lane}: ${found.counts.get(lane)} < acknowledged ${count}`,
    );
}
