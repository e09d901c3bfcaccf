import type { DatabaseSync } from "node:sqlite";

import { Fault } from "@serai/kit/fault";

import { compareKeys, prefixEnd } from "../key-order.ts";
import type {
  Change,
  Compare,
  KeyValue,
  Range,
  RangeResult,
  Txn,
  TxnResult,
  WatchBatch,
  Write,
} from "../store.ts";
import type { Leases } from "./leases.ts";
import type { HistoryPage } from "./protocol.ts";
import { toKeyValue } from "./rows.ts";
import { afterAllText, prepareStatements, type Statements } from "./statements.ts";

const historyPageRevisions = 256;
const maxPage = 2 ** 31;

/**
 * The key space inside one open SQLite transaction: what etcd does, in SQL.
 *
 * Changes memory (revision, floor, leases) before SQLite has committed; after a rollback call `reload`.
 */
export class KeySpace {
  readonly #sql: Statements;
  readonly #leases: Leases;
  #revision = 0;
  #floor = 1;
  #fresh: WatchBatch[] = [];

  constructor(database: DatabaseSync, leases: Leases) {
    this.#sql = prepareStatements(database);
    this.#leases = leases;
    this.reload();
  }

  get revision(): number {
    return this.#revision;
  }

  /** Reads back what is stored, and forgets everything that was not committed. */
  reload(): void {
    this.#revision = this.#readMeta("revision");
    this.#floor = this.#readMeta("floor");
    this.#leases.reload(this.#sql.allLeases.all() as { id: number; ttlMs: number }[]);
    this.#fresh = [];
  }

  /** Writes the numbers that change with every transaction, once for all of a commit. */
  settle(historyLimit: number): void {
    if (this.#fresh.length === 0) return;
    this.#sql.setMeta.run(this.#revision, "revision");
    // An eighth more than asked for, so that the deleting happens in bulk.
    if (this.#revision - this.#floor >= historyLimit + historyLimit / 8)
      this.compact(this.#revision - historyLimit + 1);
  }

  /** The revisions since the last call. */
  takeFresh(): WatchBatch[] {
    const fresh = this.#fresh;
    this.#fresh = [];
    return fresh;
  }

  get(key: string): KeyValue | undefined {
    const row = this.#sql.get.get(key);
    return row && toKeyValue(row);
  }

  range({ prefix, after, limit, isReverse }: Range): RangeResult {
    const size = Math.min(limit ?? maxPage, maxPage);
    let from = prefix;
    let to = prefixEnd(prefix);
    if (after !== undefined && isReverse) to = lower(to, after);
    // No key contains NUL, so this is the first possible key after `after`.
    else if (after !== undefined) from = higher(from, `${after}\u0001`);
    const query = isReverse ? this.#sql.descending : this.#sql.ascending;
    const rows = query.all({ from, to: to ?? afterAllText, limit: size + 1 });
    const hasMore = rows.length > size;
    if (hasMore) rows.pop();
    return { items: rows.map(toKeyValue), revision: this.#revision, hasMore };
  }

  txn({ when = [], then }: Txn): TxnResult {
    if (!when.every((compare) => this.#holds(compare))) return { succeeded: false, revision: this.#revision };
    for (const write of then) if ("put" in write && write.lease) this.#needLease(write.lease);
    this.#commit(then);
    return { succeeded: true, revision: this.#revision };
  }

  #holds({ key, target, is, to }: Compare): boolean {
    const actual = this.#sql.get.get(key)?.[target] ?? 0;
    switch (is) {
      case "=":
        return actual === to;
      case "!=":
        return actual !== to;
      case "<":
        return Number(actual) < to;
      case ">":
        return Number(actual) > to;
    }
  }

  /** One revision for all writes; none when they change nothing. */
  #commit(writes: readonly Write[]): void {
    const revision = this.#revision + 1;
    const changes = writes.flatMap((write) => this.#write(write, revision));
    if (changes.length === 0) return;
    this.#revision = revision;
    this.#sql.addHistory.run(revision, JSON.stringify(changes));
    this.#fresh.push({ revision, changes });
  }

  #write(write: Write, revision: number): Change[] {
    if ("put" in write) return [this.#put(write.put, write.value, write.lease ?? 0, revision)];
    if ("delete" in write) return this.#delete([write.delete], revision);
    const bounds = { from: write.deletePrefix, to: prefixEnd(write.deletePrefix) ?? afterAllText };
    return this.#delete(keysOf(this.#sql.keysUnder.all(bounds)), revision);
  }

  #put(key: string, value: string, lease: number, revision: number): Change {
    const row = this.#sql.put.get({ key, value, lease, revision }) as {
      createRevision: number;
      version: number;
    };
    return {
      type: "put",
      now: {
        key,
        value,
        createRevision: row.createRevision,
        modRevision: revision,
        version: row.version,
        lease,
      },
    };
  }

  #delete(keys: readonly string[], revision: number): Change[] {
    const deleted = keys.filter((key) => this.#sql.delete.run(key).changes !== 0);
    return deleted.map((key) => ({ type: "delete", key, modRevision: revision }));
  }

  history(prefix: string, from: number | undefined): HistoryPage {
    if (from === undefined) return { batches: [], through: this.#revision, isEnd: true };
    if (from < this.#floor)
      throw new Fault(
        "store.compacted",
        `History before revision ${this.#floor} is gone; read the present state and watch from there.`,
        {
          details: { floor: this.#floor },
        },
      );
    const rows = this.#sql.readHistory.all(from, historyPageRevisions);
    const batches: WatchBatch[] = [];
    for (const row of rows) {
      const changes = changesUnder(prefix, JSON.parse(row["changes"] as string) as Change[]);
      if (changes.length > 0) batches.push({ revision: row["revision"] as number, changes });
    }
    const isEnd = rows.length < historyPageRevisions;
    // `from` may lie in the future: then nothing before it is wanted.
    const through = isEnd ? Math.max(this.#revision, from - 1) : (rows.at(-1)?.["revision"] as number);
    return { batches, through, isEnd };
  }

  grantLease(ttlMs: number): number {
    let id: number;
    do id = 1 + Math.floor(Math.random() * (Number.MAX_SAFE_INTEGER - 1));
    while (this.#leases.has(id));
    this.#sql.addLease.run(id, ttlMs);
    this.#leases.start(id, ttlMs);
    return id;
  }

  keepAlive(lease: number): undefined {
    this.#needLease(lease);
    this.#leases.renew(lease);
  }

  /** Ends a lease, and its keys with it in one revision. */
  revokeLease(lease: number): undefined {
    this.#needLease(lease);
    this.#commit(keysOf(this.#sql.keysOfLease.all(lease)).map((key) => ({ delete: key })));
    this.#sql.dropLease.run(lease);
    this.#leases.end(lease);
  }

  compact(revision: number): undefined {
    if (revision > this.#revision)
      throw new Fault(
        "request.malformed",
        `Revision ${revision} does not exist yet; the present one is ${this.#revision}.`,
      );
    if (revision <= this.#floor) return;
    this.#floor = revision;
    this.#sql.dropHistory.run(revision);
    this.#sql.setMeta.run(revision, "floor");
  }

  #needLease(lease: number): void {
    if (this.#leases.has(lease)) return;
    throw new Fault("store.lease_not_found", "The lease has expired or was revoked; ask for a new one.", {
      details: { lease },
    });
  }

  #readMeta(name: string): number {
    return this.#sql.getMeta.get(name)?.["value"] as number;
  }
}

function lower(a: string | undefined, b: string): string {
  return a !== undefined && compareKeys(a, b) < 0 ? a : b;
}

function higher(a: string, b: string): string {
  return compareKeys(a, b) > 0 ? a : b;
}

function keysOf(rows: Record<string, unknown>[]): string[] {
  return rows.map((row) => row["key"] as string);
}

export function changesUnder(prefix: string, changes: Change[]): Change[] {
  if (prefix === "") return changes;
  return changes.filter((change) => (change.type === "put" ? change.now.key : change.key).startsWith(prefix));
}
