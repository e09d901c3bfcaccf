import { resolve } from "node:path";

import { Fault } from "@serai/kit/fault";

import { checkKey, checkRange, checkRevision, checkTtl, checkTxn } from "../check-request.ts";
import type { KeyValue, Range, RangeResult, Store, Txn, TxnResult, Watch, WatchBatch } from "../store.ts";
import { Watcher } from "./watcher.ts";
import { WorkerLink } from "./worker-link.ts";

export type SqliteStoreOptions = {
  /** The database file; created if there is none. Beside it live `-wal`, `-shm` and `.lock`. */
  path: string;
  /** How many revisions watches can go back at least; older history is dropped by itself. */
  historyLimit?: number;
};

/**
 * Opens the store on SQLite: one process writes, others may read (`sqlite-reader.ts`).
 *
 * Throws `store.locked` when another process has it open for writing, `store.corrupt` when it is damaged (it is
 * then left untouched), `store.too_new` when a newer Serai wrote it, `store.unavailable` when the disk refuses.
 * Later calls throw `store.unavailable` too when the disk refuses, and work again once it does not. As with a
 * signal that fires, the fate of that transaction is then open: read before deciding what to do.
 * A lease that was alive when the store was closed gets its full time again.
 */
export async function openSqliteStore(options: SqliteStoreOptions, signal: AbortSignal): Promise<Store> {
  const store = new SqliteStore(options);
  try {
    await store.revision(signal);
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

class SqliteStore implements Store {
  readonly #link: WorkerLink;
  readonly #watchers = new Set<Watcher>();

  constructor({ path, historyLimit = 10_000 }: SqliteStoreOptions) {
    this.#link = new WorkerLink(
      { path: resolve(path), historyLimit },
      {
        onBatches: (batches) => {
          for (const watcher of this.#watchers) watcher.announce(batches);
        },
        onLost: () => {
          for (const watcher of this.#watchers) watcher.fallBehind();
        },
      },
    );
  }

  async get(key: string, signal: AbortSignal): Promise<KeyValue | undefined> {
    checkKey(key);
    return this.#link.request("get", { key }, signal);
  }

  async range(range: Range, signal: AbortSignal): Promise<RangeResult> {
    checkRange(range);
    return this.#link.request("range", range, signal);
  }

  async txn(txn: Txn, signal: AbortSignal): Promise<TxnResult> {
    checkTxn(txn);
    return this.#link.request("txn", txn, signal);
  }

  async watch({ prefix, fromRevision }: Watch, signal: AbortSignal): Promise<AsyncIterable<WatchBatch>> {
    checkRange({ prefix });
    if (fromRevision !== undefined) checkRevision(fromRevision);
    const watcher = new Watcher(prefix, fromRevision, (from, then) =>
      this.#link.request("history", { prefix, ...(from !== undefined && { from }) }, signal, then),
    );
    const onAbort = () => {
      this.#watchers.delete(watcher);
      watcher.fail(signal.reason);
    };
    // It must be known before the answer comes: later revisions follow at its heels.
    this.#watchers.add(watcher);
    signal.addEventListener("abort", onAbort, { once: true });
    const forget = () => {
      this.#watchers.delete(watcher);
      signal.removeEventListener("abort", onAbort);
    };
    try {
      await watcher.catchUp();
    } catch (error) {
      forget();
      throw error;
    }
    return iterate(watcher, forget);
  }

  async grantLease(ttlMs: number, signal: AbortSignal): Promise<number> {
    checkTtl(ttlMs);
    return this.#link.request("grant", { ttlMs }, signal);
  }

  async keepAlive(lease: number, signal: AbortSignal): Promise<void> {
    return this.#link.request("keepAlive", { lease }, signal);
  }

  async revokeLease(lease: number, signal: AbortSignal): Promise<void> {
    return this.#link.request("revoke", { lease }, signal);
  }

  async compact(revision: number, signal: AbortSignal): Promise<void> {
    checkRevision(revision);
    return this.#link.request("compact", { revision }, signal);
  }

  async revision(signal: AbortSignal): Promise<number> {
    return this.#link.request("revision", {}, signal);
  }

  async close(): Promise<void> {
    await this.#link.close();
    for (const watcher of this.#watchers)
      watcher.fail(new Fault("store.unavailable", "The store is closed."));
    this.#watchers.clear();
  }
}

async function* iterate(watcher: Watcher, forget: () => void): AsyncGenerator<WatchBatch> {
  try {
    yield* watcher.batches();
  } finally {
    forget();
  }
}
