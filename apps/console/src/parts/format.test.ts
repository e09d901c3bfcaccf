import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, duration, relative } from "./format.ts";

test("sizes are short and exact enough", () => {
  assert.deepEqual([0, 512, 1024, 1536, 10.25 * 1024 ** 2, 1024 ** 3, 150.4 * 1024 ** 3].map(bytes), [
    "0 B",
    "512 B",
    "1 KiB",
    "1.5 KiB",
    "10.3 MiB",
    "1 GiB",
    "150 GiB",
  ]);
});

test("durations have two units at most", () => {
  assert.deepEqual([0, 59, 61, 3600, 93_784].map(duration), ["0 s", "59 s", "1 min 1 s", "1 h", "1 d 2 h"]);
});

test("moments are near or far, before or after now", () => {
  const nowMs = Date.parse("2026-01-01T12:00:00Z");
  assert.equal(relative("2026-01-01T11:59:58Z", nowMs), "just now");
  assert.equal(relative("2026-01-01T11:00:00Z", nowMs), "1 h ago");
  assert.equal(relative("2026-01-01T12:00:30Z", nowMs), "in 30 s");
});
