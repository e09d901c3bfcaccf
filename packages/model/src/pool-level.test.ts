import assert from "node:assert/strict";
import test from "node:test";
import { poolNotice, poolUse, type PoolLevel } from "./pool-level.ts";

const GiB = 1024 ** 3;
const at = (usedShare: number, before: PoolLevel = "ok") =>
  poolUse(
    { capacityBytes: 1000 * GiB, availableBytes: (1 - usedShare) * 1000 * GiB, provisionedBytes: 2500 * GiB },
    before,
  );

const table = [
  [0.5, "ok", "ok"],
  [0.8, "ok", "low"],
  [0.79, "low", "low"],
  [0.77, "low", "ok"],
  [0.91, "low", "critical"],
  [0.89, "critical", "critical"],
  [0.87, "critical", "low"],
  [0.5, "critical", "ok"],
  [0.9999, "critical", "full"],
  [0.95, "full", "critical"],
] as const;
for (const [share, before, level] of table) {
  test(`at ${share}, after ${before}, a pool is ${level}`, () => {
    assert.equal(at(share, before).level, level);
  });
}

test("what was promised is told beside what is used", () => {
  assert.equal(at(0.5).provisionedShare, 2.5);
  assert.match(poolNotice("default", "ok", at(0.85))?.message ?? "", /85 %.*250 %/);
});

test("a level that stays is told once", () => {
  assert.equal(poolNotice("default", "low", at(0.85, "low")), undefined);
  assert.equal(poolNotice("default", "full", at(0.5, "full"))?.type, "pool.relieved");
  assert.equal(poolNotice("default", "low", at(0.9999, "low"))?.type, "pool.full");
});
