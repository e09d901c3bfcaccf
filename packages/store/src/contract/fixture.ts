import { test } from "node:test";

import type { Store, WatchBatch } from "../store.ts";

export type OpenedStore = {
  store: Store;
  /** Closes the store and opens the same data again. */
  reopen: () => Promise<Store>;
  destroy: () => Promise<void>;
};

/** Makes a fresh, empty store. */
export type OpenStore = () => Promise<OpenedStore>;

const deadlineMs = 20_000;

/** One test on a store of its own. The signal fires when the test has taken far too long. */
export function storeTest(
  open: OpenStore,
  name: string,
  body: (store: Store, signal: AbortSignal, opened: OpenedStore) => Promise<void>,
): void {
  test(name, async () => {
    const opened = await open();
    try {
      await body(opened.store, AbortSignal.timeout(deadlineMs), opened);
    } finally {
      await opened.destroy();
    }
  });
}

export async function put(store: Store, key: string, signal: AbortSignal, value = "{}"): Promise<number> {
  return (await store.txn({ then: [{ put: key, value }] }, signal)).revision;
}

export async function keysUnder(store: Store, prefix: string, signal: AbortSignal): Promise<string[]> {
  return (await store.range({ prefix }, signal)).items.map((item) => item.key);
}

/** Takes batches up to and including that revision. */
export async function takeThrough(watch: AsyncIterable<WatchBatch>, revision: number): Promise<WatchBatch[]> {
  const taken: WatchBatch[] = [];
  for await (const batch of watch) {
    taken.push(batch);
    if (batch.revision >= revision) break;
  }
  return taken;
}
