import assert from "node:assert/strict";
import { test } from "node:test";
import { stampedIds } from "./stamped-id.ts";

test("ids sort in the order in which they were made, within a millisecond and when the clock goes back", () => {
  const times = [1000, 1000, 1000, 2000, 500, 500];
  const make = stampedIds({ nowMs: () => times.shift() ?? 500 });

  const ids = Array.from({ length: 8 }, () => make("ev"));

  assert.deepEqual(ids.toSorted(), ids);
  assert.equal(new Set(ids).size, ids.length);
  for (const id of ids) assert.match(id, /^ev-[0-9a-hjkmnp-tv-z]{12}$/);
});

test("a new process goes on after the last id, whatever its clock says", () => {
  const last = stampedIds({ nowMs: () => 9000 })("ev");

  assert.ok(stampedIds({ nowMs: () => 1000 }, last)("ev") > last);
});
