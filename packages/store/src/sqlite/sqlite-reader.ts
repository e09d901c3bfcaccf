import { statSync } from "node:fs";
import { resolve } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { pathToFileURL } from "node:url";

import { Fault } from "@serai/kit/fault";

import { checkKey } from "../check-request.ts";
import { prefixEnd } from "../key-order.ts";
import type { KeyValue } from "../store.ts";
import { columns, toKeyValue } from "./rows.ts";
import { sqliteFault } from "./sqlite-fault.ts";
import { afterAllText } from "./statements.ts";

export type SqliteReader = Disposable & {
  get(key: string): KeyValue | undefined;
  range(prefix: string): KeyValue[];
  close(): void;
};

/**
 * Reads the store beside the process that writes it, which may be another user's and may die and return.
 * Each call sees every transaction that was acknowledged before it. Throws `store.unavailable` while no process
 * has had the store open since it was last closed.
 *
 * Never makes a file: one that belongs to root would lock the writer out. Hence another user's shared memory is
 * opened read-only, and nothing is opened unless all three files exist.
 */
export function openSqliteReader(path: string): SqliteReader {
  return new Reader(resolve(path));
}

const attempts = 5; // a writer that starts or recovers at this very moment makes a read fail, briefly
const busyMs = 1000;

class Reader implements SqliteReader {
  readonly #path: string;
  #open: Connection | undefined;
  #isClosed = false;

  constructor(path: string) {
    this.#path = path;
  }

  get(key: string): KeyValue | undefined {
    checkKey(key);
    const row = this.#read((connection) => connection.get.get(key));
    return row && toKeyValue(row);
  }

  range(prefix: string): KeyValue[] {
    const bounds = { from: prefix, to: prefixEnd(prefix) ?? afterAllText };
    return this.#read((connection) => connection.range.all(bounds)).map(toKeyValue);
  }

  close(): void {
    this.#isClosed = true;
    this.#drop();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #read<T>(query: (connection: Connection) => T): T {
    if (this.#isClosed) throw new Fault("store.unavailable", "The store's reader is closed.");
    for (let attempt = 1; ; attempt++) {
      try {
        return query(this.#connection());
      } catch (error) {
        this.#drop();
        if (attempt >= attempts || error instanceof Fault) throw sqliteFault(error, this.#path);
      }
    }
  }

  /** The open connection, if it still reads the files that are there. */
  #connection(): Connection {
    const files = identify(this.#path);
    if (this.#open?.files !== files) this.#drop();
    this.#open ??= connect(this.#path, files);
    return this.#open;
  }

  #drop(): void {
    this.#open?.database.close();
    this.#open = undefined;
  }
}

type Connection = { database: DatabaseSync; files: string; get: StatementSync; range: StatementSync };

function connect(path: string, files: string): Connection {
  const url = pathToFileURL(path);
  // Only for another user's files: within one process SQLite shares the mapping, so that a writer that opens the
  // store after us would find it read-only.
  if (statSync(path).uid !== process.geteuid?.()) url.searchParams.set("readonly_shm", "1");
  const database = new DatabaseSync(url, { readOnly: true, timeout: busyMs });
  try {
    database.exec("PRAGMA cache_size = -512; PRAGMA query_only = ON;");
    return {
      database,
      files,
      get: database.prepare(`SELECT ${columns} FROM kv WHERE key = ?`),
      range: database.prepare(`SELECT ${columns} FROM kv WHERE key >= :from AND key < :to ORDER BY key`),
    };
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Which files these are now; a writer may have removed and made them again. */
function identify(path: string): string {
  return ["", "-wal", "-shm"]
    .map((suffix) => {
      const stat = statSync(path + suffix, { throwIfNoEntry: false });
      if (stat === undefined)
        throw new Fault(
          "store.unavailable",
          `The store ${path} is not open in any process; start Serai's control process.`,
          {
            details: { path },
          },
        );
      return `${stat.dev}:${stat.ino}`;
    })
    .join(" ");
}
