import type { DatabaseSync } from "node:sqlite";

import { Fault, faultToJson } from "@serai/kit/fault";

import { KeySpace } from "./key-space.ts";
import { Leases } from "./leases.ts";
import { closeQuietly, openDatabase } from "./open-database.ts";
import type { Reply, Request, WorkerMessage, WorkerOptions } from "./protocol.ts";
import { isFull, sqliteCode, sqliteFault } from "./sqlite-fault.ts";
import { WriterLock } from "./writer-lock.ts";

type Opened = { database: DatabaseSync; keys: KeySpace };

const nothing: WorkerMessage = { replies: [], batches: [] };

/**
 * Answers requests in groups. All writes of a group are one SQLite transaction and so share one fsync;
 * nobody hears anything before it is durable, readers included. A failure of the disk fails the whole group
 * and leaves what was there; the next group opens the database anew.
 */
export class Writer implements Disposable {
  readonly #options: WorkerOptions;
  readonly #leases = new Leases();
  #lock: WriterLock | undefined;
  #opened: Opened | undefined;
  #isWatched = false;

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  run(requests: readonly Request[]): WorkerMessage {
    try {
      const opened = this.#open();
      return this.#inTransaction(opened, () => requests.map((request) => this.#answer(opened.keys, request)));
    } catch (error) {
      this.#recover(error);
      const outcome = outcomeOf(error, this.#options.path);
      return { replies: requests.map(({ id }) => ({ id, ...outcome })), batches: [] };
    }
  }

  /** Ends the leases whose time is over. Throws a fault when it cannot; they then stay due. */
  expireLeases(): WorkerMessage {
    const due = this.#leases.due();
    if (due.length === 0) return nothing;
    try {
      const opened = this.#open();
      return this.#inTransaction(opened, () => {
        for (const lease of due) opened.keys.revokeLease(lease);
        return [];
      });
    } catch (error) {
      this.#recover(error);
      throw sqliteFault(error, this.#options.path);
    }
  }

  msToNextExpiry(): number | undefined {
    return this.#leases.msToNext();
  }

  [Symbol.dispose](): void {
    this.#closeDatabase();
    this.#lock?.[Symbol.dispose]();
    this.#lock = undefined;
  }

  #open(): Opened {
    if (this.#opened) return this.#opened;
    const { path } = this.#options;
    const lock = this.#lock ?? new WriterLock(path);
    try {
      const database = openDatabase(path);
      this.#opened = { database, keys: new KeySpace(database, this.#leases) };
    } catch (error) {
      if (this.#lock === undefined) lock[Symbol.dispose]();
      throw error;
    }
    this.#lock = lock;
    return this.#opened;
  }

  #inTransaction({ database, keys }: Opened, work: () => Reply[]): WorkerMessage {
    database.exec("BEGIN IMMEDIATE");
    const replies = work();
    keys.settle(this.#options.historyLimit);
    database.exec("COMMIT");
    const batches = keys.takeFresh();
    return { replies, batches: this.#isWatched ? batches : [] };
  }

  /** A fault concerns one request, which has then changed nothing. Any other failure concerns the whole group. */
  #answer(keys: KeySpace, request: Request): Reply {
    try {
      return { id: request.id, answer: this.#perform(keys, request) };
    } catch (error) {
      if (error instanceof Fault) return { id: request.id, fault: faultToJson(error) };
      throw error;
    }
  }

  #perform(keys: KeySpace, { name, ask }: Request): unknown {
    switch (name) {
      case "get":
        return keys.get(ask.key);
      case "range":
        return keys.range(ask);
      case "txn":
        return keys.txn(ask);
      case "history":
        this.#isWatched = true;
        return keys.history(ask.prefix, ask.from);
      case "grant":
        return keys.grantLease(ask.ttlMs);
      case "keepAlive":
        return keys.keepAlive(ask.lease);
      case "revoke":
        return keys.revokeLease(ask.lease);
      case "compact":
        return keys.compact(ask.revision);
      case "revision":
        return keys.revision;
      case "close":
        return undefined;
    }
  }

  /** Takes back the group that failed. After most failures the next group opens the database anew. */
  #recover(error: unknown): void {
    if (this.#opened === undefined) return;
    try {
      // On a full disk a new connection could not even read; this one can.
      if (!isFull(error)) return this.#closeDatabase();
      if (this.#opened.database.isTransaction) this.#opened.database.exec("ROLLBACK");
      this.#opened.keys.reload();
    } catch {
      this.#closeDatabase(); // rolls back as well; the first failure is the one to report
    }
  }

  #closeDatabase(): void {
    if (this.#opened) closeQuietly(this.#opened.database);
    this.#opened = undefined;
  }
}

function outcomeOf(error: unknown, path: string) {
  const isOurs =
    !(error instanceof Fault) && sqliteCode(error) === undefined && !(error as NodeJS.ErrnoException).code;
  if (isOurs) return { bug: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  return { fault: faultToJson(sqliteFault(error, path)) };
}
