import type { DatabaseSync, StatementSync } from "node:sqlite";

import { columns } from "./rows.ts";

/** Every statement that runs often, prepared once. */
export type Statements = ReturnType<typeof prepareStatements>;

const between = "key >= :from AND key < :to";

/** Comes after every text: SQLite sorts blobs behind texts. */
export const afterAllText = new Uint8Array(0);

export function prepareStatements(database: DatabaseSync) {
  const prepare = (sql: string): StatementSync => database.prepare(sql);
  return {
    get: prepare(`SELECT ${columns} FROM kv WHERE key = ?`),
    ascending: prepare(`SELECT ${columns} FROM kv WHERE ${between} ORDER BY key LIMIT :limit`),
    descending: prepare(`SELECT ${columns} FROM kv WHERE ${between} ORDER BY key DESC LIMIT :limit`),
    put: prepare(`
      INSERT INTO kv (key, value, create_revision, mod_revision, version, lease) VALUES (:key, :value, :revision, :revision, 1, :lease)
      ON CONFLICT (key) DO UPDATE SET value = :value, mod_revision = :revision, version = version + 1, lease = :lease
      RETURNING create_revision AS createRevision, version`),
    delete: prepare("DELETE FROM kv WHERE key = ?"),
    keysUnder: prepare(`SELECT key FROM kv WHERE ${between} ORDER BY key`),
    keysOfLease: prepare("SELECT key FROM kv WHERE lease = ? AND lease <> 0 ORDER BY key"),
    addHistory: prepare("INSERT INTO history (revision, changes) VALUES (?, ?)"),
    readHistory: prepare(
      "SELECT revision, changes FROM history WHERE revision >= ? ORDER BY revision LIMIT ?",
    ),
    dropHistory: prepare("DELETE FROM history WHERE revision < ?"),
    setMeta: prepare("UPDATE meta SET value = ? WHERE name = ?"),
    getMeta: prepare("SELECT value FROM meta WHERE name = ?"),
    addLease: prepare("INSERT INTO lease (id, ttl_ms) VALUES (?, ?)"),
    dropLease: prepare("DELETE FROM lease WHERE id = ?"),
    allLeases: prepare("SELECT id, ttl_ms AS ttlMs FROM lease"),
  };
}
