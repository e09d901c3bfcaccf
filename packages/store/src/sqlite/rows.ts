import type { KeyValue } from "../store.ts";

export const columns =
  "key, value, create_revision AS createRevision, mod_revision AS modRevision, version, lease";

/** Gives a row the port's shape: SQLite's rows have no prototype, which callers would notice. */
export function toKeyValue(row: Record<string, unknown>): KeyValue {
  const { key, value, createRevision, modRevision, version, lease } = row as KeyValue;
  return { key, value, createRevision, modRevision, version, lease };
}
