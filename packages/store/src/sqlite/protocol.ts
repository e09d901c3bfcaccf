import type { FaultJson } from "@serai/kit/fault";

import type { KeyValue, Range, RangeResult, Txn, TxnResult, WatchBatch } from "../store.ts";

/** What the thread that owns the database is started with. */
export type WorkerOptions = { path: string; historyLimit: number };

/** A part of history: every revision from `from` to `through` was looked at. `isEnd`: and there are no later ones. */
export type HistoryPage = { batches: WatchBatch[]; through: number; isEnd: boolean };

/** Each request by name, with what it answers. */
export type Operations = {
  get: { ask: { key: string }; answer: KeyValue | undefined };
  range: { ask: Range; answer: RangeResult };
  txn: { ask: Txn; answer: TxnResult };
  /** Without `from`: nothing, and `through` is the present. From then on the worker sends each new revision. */
  history: { ask: { prefix: string; from?: number }; answer: HistoryPage };
  grant: { ask: { ttlMs: number }; answer: number };
  keepAlive: { ask: { lease: number }; answer: undefined };
  revoke: { ask: { lease: number }; answer: undefined };
  compact: { ask: { revision: number }; answer: undefined };
  revision: { ask: Record<never, never>; answer: number };
  close: { ask: Record<never, never>; answer: undefined };
};

export type OperationName = keyof Operations;

export type Request = {
  [Name in OperationName]: { id: number; name: Name; ask: Operations[Name]["ask"] };
}[OperationName];

/** `bug`: not a fault of the caller or the machine, but ours. */
export type Reply =
  | { id: number; answer: unknown }
  | { id: number; fault: FaultJson }
  | { id: number; bug: string };

/** One message per group commit. `batches` are new revisions, for the watchers; read the replies first. */
export type WorkerMessage = { replies: Reply[]; batches: WatchBatch[] };
