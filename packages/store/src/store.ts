/**
 * The state store port: etcd's semantics, so that SQLite on one machine and etcd in a cluster are one thing.
 * One global revision rises by one with each writing transaction. Values are UTF-8 text (JSON by convention).
 * Source: https://etcd.io/docs/v3.5/learning/api/
 */
export type KeyValue = {
  key: string;
  value: string;
  /** Revision of the write that created the key since it last did not exist. */
  createRevision: number;
  /** Revision of the latest write of the key. */
  modRevision: number;
  /** 1 at creation, plus one per write. */
  version: number;
  /** The lease the key dies with; 0 for none. */
  lease: number;
};

/** A key that does not exist has version, createRevision and modRevision 0. */
export type Compare = {
  key: string;
  target: "version" | "createRevision" | "modRevision";
  is: "=" | "!=" | "<" | ">";
  to: number;
};

export type Write =
  | { put: string; value: string; lease?: number }
  | { delete: string }
  | { deletePrefix: string };

/** Writes each key at most once (a key put and deleted in one transaction is refused); 1024 writes at most. */
export type Txn = { when?: readonly Compare[]; then: readonly Write[] };

/** `succeeded` false: a compare failed, nothing was written, `revision` is the current one. */
export type TxnResult = { succeeded: boolean; revision: number };

export type Range = {
  prefix: string;
  /** Start strictly after this key: the page token. */
  after?: string;
  limit?: number;
  /** Descending key order. `after` then means strictly before. */
  isReverse?: boolean;
};

export type RangeResult = { items: KeyValue[]; revision: number; hasMore: boolean };

export type Change = { type: "put"; now: KeyValue } | { type: "delete"; key: string; modRevision: number };

/** All changes of one revision under the prefix, in one batch; revisions rise strictly. */
export type WatchBatch = { revision: number; changes: Change[] };

export type Watch = {
  prefix: string;
  /** First revision wanted. Without it: everything after now. Throws `store.compacted` when it is gone. */
  fromRevision?: number;
};

export type Store = {
  get(key: string, signal: AbortSignal): Promise<KeyValue | undefined>;
  range(range: Range, signal: AbortSignal): Promise<RangeResult>;
  /** Durable when it resolves: survives kill -9 and power loss. All or nothing. */
  txn(txn: Txn, signal: AbortSignal): Promise<TxnResult>;
  /**
   * Yields each later revision exactly once, in order, without gaps. Is established when the promise resolves.
   * Ends by throwing the signal's reason when it is aborted.
   */
  watch(watch: Watch, signal: AbortSignal): Promise<AsyncIterable<WatchBatch>>;
  /** A lease that expires `ttlMs` after its last keep-alive; its keys are deleted in one transaction. */
  grantLease(ttlMs: number, signal: AbortSignal): Promise<number>;
  /** Throws `store.lease_not_found` when it has expired. */
  keepAlive(lease: number, signal: AbortSignal): Promise<void>;
  revokeLease(lease: number, signal: AbortSignal): Promise<void>;
  /** Forgets history before the revision; watches from earlier throw `store.compacted`. */
  compact(revision: number, signal: AbortSignal): Promise<void>;
  revision(signal: AbortSignal): Promise<number>;
  close(): Promise<void>;
};
