import assert from "node:assert/strict";

import type { Store } from "../store.ts";
import { type OpenStore, put, storeTest, takeThrough } from "./fixture.ts";

/** What a watch must do. */
export function watchContract(open: OpenStore): void {
  storeTest(open, "a watch shows what is written after it was established", async (store, signal) => {
    await put(store, "vm/0", signal);
    const watch = await store.watch({ prefix: "vm/" }, signal);
    await put(store, "other", signal);
    await store.txn(
      { then: [{ put: "vm/1", value: "a" }, { delete: "vm/0" }, { put: "x", value: "" }] },
      signal,
    );

    const now = { key: "vm/1", value: "a", createRevision: 3, modRevision: 3, version: 1, lease: 0 };
    assert.deepEqual(await takeThrough(watch, 3), [
      {
        revision: 3,
        changes: [
          { type: "put", now },
          { type: "delete", key: "vm/0", modRevision: 3 },
        ],
      },
    ]);
  });

  storeTest(
    open,
    "a watch from a revision starts there, also after reopening",
    async (store, signal, { reopen }) => {
      for (const key of ["a", "b", "c"]) await put(store, key, signal);
      const again = await reopen();
      const watch = await again.watch({ prefix: "", fromRevision: 2 }, signal);
      await put(again, "d", signal);

      const taken = await takeThrough(watch, 4);
      assert.deepEqual(
        taken.map((batch) => batch.revision),
        [2, 3, 4],
      );
    },
  );

  storeTest(open, "a watch from a revision to come waits for it", async (store, signal) => {
    const watch = await store.watch({ prefix: "", fromRevision: 3 }, signal);
    for (const key of ["a", "b", "c"]) await put(store, key, signal);

    assert.deepEqual(
      (await takeThrough(watch, 3)).map((batch) => batch.revision),
      [3],
    );
  });

  storeTest(
    open,
    "watches that begin while many write miss nothing and repeat nothing",
    async (store, signal) => {
      const total = 1000;
      const writing = writeMany(store, total, signal);
      const taken: Promise<number[]>[] = [];
      for (let at = 1; at <= 5; at++) {
        await store.get("a", signal);
        const watch = await store.watch({ prefix: "", fromRevision: at }, signal);
        taken.push(takeThrough(watch, total).then((batches) => batches.map((batch) => batch.revision)));
      }
      await writing;

      for (const [index, revisions] of (await Promise.all(taken)).entries())
        assert.deepEqual(
          revisions,
          Array.from({ length: total - index }, (_, offset) => index + 1 + offset),
        );
    },
  );

  storeTest(open, "a watch that nobody reads for long has lost nothing", async (store, signal) => {
    const watch = await store.watch({ prefix: "" }, signal);
    await writeMany(store, 2000, signal);

    const revisions = (await takeThrough(watch, 2000)).map((batch) => batch.revision);
    assert.deepEqual(
      revisions,
      Array.from({ length: 2000 }, (_, index) => index + 1),
    );
  });

  endContract(open);
}

function endContract(open: OpenStore): void {
  storeTest(
    open,
    "a watch from before a compaction is refused, one from it is not",
    async (store, signal) => {
      for (const key of ["a", "b", "c"]) await put(store, key, signal);
      await store.compact(3, signal);

      await assert.rejects(store.watch({ prefix: "", fromRevision: 2 }, signal), { code: "store.compacted" });
      const watch = await store.watch({ prefix: "", fromRevision: 3 }, signal);
      assert.deepEqual(
        (await takeThrough(watch, 3)).map((batch) => batch.revision),
        [3],
      );
      assert.equal((await store.get("a", signal))?.modRevision, 1);
    },
  );

  storeTest(open, "the future cannot be compacted", async (store, signal) => {
    await put(store, "a", signal);
    await assert.rejects(store.compact(2, signal), { code: "request.malformed" });
  });

  storeTest(open, "an aborted watch ends by throwing the reason", async (store, signal) => {
    const stop = new AbortController();
    const watch = await store.watch({ prefix: "" }, stop.signal);
    const reading = takeThrough(watch, 1);
    stop.abort(new Error("enough"));

    await assert.rejects(reading, /enough/);
    assert.equal(await put(store, "a", signal), 1);
  });

  storeTest(open, "closing the store ends its watches", async (store, signal) => {
    const watch = await store.watch({ prefix: "" }, signal);
    const reading = assert.rejects(takeThrough(watch, 1), { code: "store.unavailable" });
    await store.close();
    await reading;
  });
}

async function writeMany(store: Store, total: number, signal: AbortSignal): Promise<void> {
  let left = total;
  const writer = async (_: unknown, lane: number) => {
    while (left-- > 0) await put(store, `lane/${lane}`, signal);
  };
  await Promise.all(Array.from({ length: 16 }, writer));
}
