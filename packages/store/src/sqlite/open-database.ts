import { chmodSync, closeSync, fsyncSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { Fault } from "@serai/kit/fault";

import { corruptFault, isCorrupt, sqliteFault } from "./sqlite-fault.ts";

const schemaVersion = 1;
const applicationId = 0x53657261; // "Sera", so that `file` and we can tell it from another program's database

const schema = `
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${schemaVersion};
  CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  -- floor: the first revision that history still holds
  INSERT INTO meta VALUES ('revision', 0), ('floor', 1);
  CREATE TABLE kv (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    value TEXT NOT NULL,
    create_revision INTEGER NOT NULL,
    mod_revision INTEGER NOT NULL,
    version INTEGER NOT NULL,
    lease INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX kv_lease ON kv (lease) WHERE lease <> 0;
  -- changes: JSON of Change[], everything one revision did
  CREATE TABLE history (revision INTEGER PRIMARY KEY, changes TEXT NOT NULL) STRICT;
  CREATE TABLE lease (id INTEGER PRIMARY KEY, ttl_ms INTEGER NOT NULL) STRICT;
`;

/** Opens the store's database for writing; creates it if the file does not exist. The caller holds the lock. */
export function openDatabase(path: string): DatabaseSync {
  try {
    if (isMissing(path)) {
      // A log without its database: whoever removed the database must say so by removing both.
      if (!isMissing(`${path}-wal`)) throw corruptFault(path);
      create(path);
    }
    return openExisting(path);
  } catch (error) {
    throw sqliteFault(error, path);
  }
}

function openExisting(path: string): DatabaseSync {
  // SQLite would take an empty file for a new database, and drop the log beside it.
  if (statSync(path).size === 0) throw corruptFault(path);
  const database = new DatabaseSync(path, { timeout: 5000 });
  try {
    checkIdentity(database, path);
    configure(database);
    const check = database.prepare("PRAGMA quick_check(1)").get();
    if (check?.["quick_check"] !== "ok") throw corruptFault(path, check?.["quick_check"]);
    return database;
  } catch (error) {
    closeQuietly(database);
    throw isCorrupt(error) ? corruptFault(path, error) : error;
  }
}

function checkIdentity(database: DatabaseSync, path: string): void {
  const owner = database.prepare("PRAGMA application_id").get()?.["application_id"];
  const found = database.prepare("PRAGMA user_version").get()?.["user_version"];
  if (owner !== applicationId || Number(found) < schemaVersion)
    throw new Fault(
      "store.corrupt",
      `The file ${path} is not a Serai store; move it away, it was left untouched.`,
      {
        details: { path },
      },
    );
  if (found === schemaVersion) return;
  throw new Fault(
    "store.too_new",
    `The store ${path} was written by a newer Serai (format ${String(found)}, this one knows ${schemaVersion}); upgrade Serai.`,
    { details: { path, found, known: schemaVersion } },
  );
}

function configure(database: DatabaseSync): void {
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA cache_size = -2048;
    PRAGMA journal_size_limit = 16777216;
    PRAGMA temp_store = MEMORY;
    PRAGMA trusted_schema = OFF;
  `);
}

/** Builds the database under another name first: what has the real name is whole, or damaged, never half made. */
function create(path: string): void {
  const draft = `${path}.new`;
  removeDraft(draft);
  try {
    const database = new DatabaseSync(draft);
    try {
      chmodSync(draft, 0o600);
      database.exec(`PRAGMA journal_mode = WAL; BEGIN; ${schema} COMMIT;`);
    } finally {
      database.close();
    }
    syncPath(draft);
    renameSync(draft, path);
    syncPath(dirname(path));
  } catch (error) {
    removeDraft(draft);
    throw error;
  }
}

function removeDraft(draft: string): void {
  for (const rest of ["", "-wal", "-shm", "-journal"]) rmSync(draft + rest, { force: true });
}

function syncPath(path: string): void {
  const file = openSync(path, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function isMissing(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) === undefined;
}

export function closeQuietly(database: DatabaseSync): void {
  try {
    database.close();
  } catch {
    // the failure that brought us here is the one to report
  }
}
