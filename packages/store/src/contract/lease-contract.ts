import assert from "node:assert/strict";

import { delay, poll } from "@serai/kit/deadline";

import type { Store } from "../store.ts";
import { keysUnder, type OpenStore, put, storeTest, takeThrough } from "./fixture.ts";

/** What leases must do. */
export function leaseContract(open: OpenStore): void {
  storeTest(open, "a lease that expires takes all its keys in one revision", async (store, signal) => {
    const lease = await store.grantLease(100, signal);
    await store.txn(
      {
        then: [
          { put: "a", value: "", lease },
          { put: "b", value: "", lease },
          { put: "c", value: "" },
        ],
      },
      signal,
    );
    const watch = await store.watch({ prefix: "" }, signal);

    const [batch] = await takeThrough(watch, 2);
    assert.deepEqual(batch, {
      revision: 2,
      changes: ["a", "b"].map((key) => ({ type: "delete", key, modRevision: 2 })),
    });
    assert.deepEqual(await keysUnder(store, "", signal), ["c"]);
    await assert.rejects(store.keepAlive(lease, signal), { code: "store.lease_not_found" });
  });

  storeTest(open, "a lease never ends early", async (store, signal) => {
    const before = performance.now();
    const lease = await store.grantLease(150, signal);
    await store.txn({ then: [{ put: "a", value: "", lease }] }, signal);
    const watch = await store.watch({ prefix: "" }, signal);

    await takeThrough(watch, 2);
    assert.ok(performance.now() - before >= 150);
  });

  storeTest(open, "a lease that is kept alive lives on", async (store, signal) => {
    const lease = await store.grantLease(1000, signal);
    await store.txn({ then: [{ put: "a", value: "", lease }] }, signal);

    const until = performance.now() + 1500;
    while (performance.now() < until) {
      await store.keepAlive(lease, signal);
      await delay(50, signal);
    }

    assert.equal((await store.get("a", signal))?.lease, lease);
  });

  storeTest(open, "a revoked lease takes its keys at once, and is gone", async (store, signal) => {
    const lease = await store.grantLease(60_000, signal);
    await store.txn({ then: [{ put: "a", value: "", lease }] }, signal);

    await store.revokeLease(lease, signal);

    assert.equal(await store.get("a", signal), undefined);
    await assert.rejects(store.revokeLease(lease, signal), { code: "store.lease_not_found" });
    await assert.rejects(store.txn({ then: [{ put: "a", value: "", lease }] }, signal), {
      code: "store.lease_not_found",
    });
  });

  storeTest(open, "a key written again without its lease outlives it", async (store, signal) => {
    const lease = await store.grantLease(60_000, signal);
    await store.txn({ then: [{ put: "a", value: "", lease }] }, signal);
    await put(store, "a", signal);

    await store.revokeLease(lease, signal);

    assert.equal((await store.get("a", signal))?.lease, 0);
  });

  storeTest(open, "a lease survives reopening, and then still expires", async (store, signal, { reopen }) => {
    const lease = await store.grantLease(300, signal);
    await store.txn({ then: [{ put: "a", value: "", lease }] }, signal);
    const again = await reopen();
    await again.keepAlive(lease, signal);

    assert.equal((await again.get("a", signal))?.lease, lease);
    await untilAbsent(again, "a", signal);
  });
}

async function untilAbsent(store: Store, key: string, signal: AbortSignal): Promise<void> {
  await poll(
    { ms: 10_000, everyMs: 20, code: "store.unavailable", message: `${key} is still there.` },
    signal,
    async () => ((await store.get(key, signal)) === undefined ? true : undefined),
  );
}
