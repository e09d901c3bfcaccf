import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { delay } from "@serai/kit/deadline";

import { openSqliteReader } from "../src/sqlite/sqlite-reader.ts";
import { openSqliteStore } from "../src/sqlite/sqlite-store.ts";
import { checkKept, checkWhole } from "./crash-lanes.ts";
import { startCrashWriter } from "./crash-process.ts";

// The claim is about 1,000; fewer are for a quick look while working on this.
const rounds = Number(process.env["SERAI_CRASH_ROUNDS"] ?? 1000);
const parallel = 3; // each on a database of its own; most of a round is the child's start
const maxWaitMs = 12;

test(
  `${rounds} writers killed in mid-transaction lose nothing that was acknowledged`,
  { timeout: 600_000 },
  async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "serai-crash-"));
    const signal = AbortSignal.timeout(590_000);
    let left = rounds;
    let transactions = 0;
    let unheard = 0;
    const run = async (_: unknown, index: number) => {
      const path = join(folder, `${index}.db`);
      using reader = openSqliteReader(path);
      let before = 0;
      while (left-- > 0) {
        const writer = await startCrashWriter(path, join(folder, "cache"));
        await delay(Math.random() * maxWaitMs, signal);
        await writer.kill();

        const found = checkWhole(reader.range(""));
        checkKept(found, writer.acknowledged);
        assert.equal(
          writer.foundRevision,
          before,
          "the writer did not find what the reader saw after the crash",
        );
        for (const [lane, count] of found.counts) {
          const heard = writer.acknowledged.counts.get(lane);
          if (heard === undefined) continue;
          assert.ok(count <= heard + 1, `${lane}: more was written than was asked for`);
          unheard += count - heard;
        }
        transactions += found.revision - before;
        before = found.revision;
      }
      await checkHistory(path, before, signal);
    };
    try {
      await Promise.all(Array.from({ length: parallel }, run));
    } finally {
      await rm(folder, { recursive: true });
    }
    t.diagnostic(
      `${transactions} transactions; ${unheard} were durable but not yet acknowledged when the kill came`,
    );
    // Or else the kills did not come in mid-transaction and prove little.
    if (rounds >= 100) assert.ok(unheard > 0);
  },
);

/** After all those crashes: the last revisions are all in history, without a gap. */
async function checkHistory(path: string, revision: number, signal: AbortSignal): Promise<void> {
  const store = await openSqliteStore({ path, historyLimit: 400 }, signal);
  assert.equal(await store.revision(signal), revision);
  const watch = await store.watch({ prefix: "", fromRevision: Math.max(1, revision - 399) }, signal);
  let next = Math.max(1, revision - 399);
  for await (const batch of watch) {
    assert.equal(batch.revision, next++);
    if (batch.revision === revision) break;
  }
  await store.close();
}
