import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Worker } from "node:worker_threads";

import { put } from "../contract/fixture.ts";
import { openSqliteStore } from "./sqlite-store.ts";

test("a thread that dies fails what was pending; the next call starts another and watches go on", async () => {
  const folder = await mkdtemp(join(tmpdir(), "serai-store-"));
  const signal = AbortSignal.timeout(20_000);
  const workers: Worker[] = [];
  const onWorker = (message: unknown) => workers.push((message as { worker: Worker }).worker);
  subscribe("worker_threads", onWorker);
  const store = await openSqliteStore({ path: join(folder, "store.db") }, signal);
  try {
    const watch = await store.watch({ prefix: "" }, signal);
    const kept: string[] = [];
    for (let round = 0; round < 5; round++) {
      await put(store, `before/${round}`, signal);
      const pending = Array.from({ length: 20 }, (_, index) => put(store, `${round}/${index}`, signal));
      void workers.at(-1)?.terminate();
      for (const [index, result] of (await Promise.allSettled(pending)).entries())
        if (result.status === "fulfilled") kept.push(`${round}/${index}`);
        else assert.equal(result.reason.code, "store.unavailable");
    }
    const revision = await put(store, "after", signal);

    assert.equal(workers.length, 6);
    for (const key of kept) assert.ok(await store.get(key, signal), key);
    let next = 1;
    for await (const batch of watch) {
      assert.equal(batch.revision, next++);
      if (batch.revision === revision) break;
    }
  } finally {
    unsubscribe("worker_threads", onWorker);
    await store.close();
    await rm(folder, { recursive: true });
  }
});
