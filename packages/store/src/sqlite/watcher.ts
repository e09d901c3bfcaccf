import { Fault } from "@serai/kit/fault";

import type { WatchBatch } from "../store.ts";
import { changesUnder } from "./key-space.ts";
import type { HistoryPage } from "./protocol.ts";

const maxQueued = 256;

type ReadHistory = (from: number | undefined, then: (page: HistoryPage) => void) => Promise<unknown>;

/**
 * One watch: a cursor over the revisions.
 *
 *   behind ──reads history pages──► live ──queue too long, or worker died──► behind
 *
 * While live, new revisions are queued as they are committed. A consumer that falls behind costs no memory:
 * its queue is dropped, and it reads on from history, until that is compacted.
 */
export class Watcher {
  readonly #prefix: string;
  readonly #read: ReadHistory;
  #from: number | undefined;
  #queue: WatchBatch[] = [];
  #isLive = false;
  #failure: unknown;
  #wake: (() => void) | undefined;

  constructor(prefix: string, from: number | undefined, read: ReadHistory) {
    this.#prefix = prefix;
    this.#from = from;
    this.#read = read;
  }

  /** Reads the next page of history. Once it was the last one, no later revision is missed. */
  async catchUp(): Promise<void> {
    await this.#read(this.#from, ({ batches, through, isEnd }) => {
      this.#queue.push(...batches);
      this.#from = through + 1;
      this.#isLive = isEnd;
    });
  }

  /** Takes part in what was just committed. */
  announce(batches: readonly WatchBatch[]): void {
    if (!this.#isLive) return;
    for (const { revision, changes } of batches) {
      if (revision < (this.#from as number)) continue;
      const mine = changesUnder(this.#prefix, changes);
      if (mine.length > 0) this.#queue.push({ revision, changes: mine });
      this.#from = revision + 1;
    }
    if (this.#queue.length > maxQueued) this.fallBehind();
    else if (this.#queue.length > 0) this.#wake?.();
  }

  /** Drops what is queued; it will be read from history. */
  fallBehind(): void {
    this.#from = this.#queue[0]?.revision ?? this.#from;
    this.#queue = [];
    this.#isLive = false;
    this.#wake?.();
  }

  fail(reason: unknown): void {
    this.#failure ??= reason ?? new Fault("store.unavailable", "The store is closed.");
    this.#wake?.();
  }

  async *batches(): AsyncGenerator<WatchBatch> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const next = this.#queue.shift();
      if (next !== undefined) yield next;
      else if (this.#isLive) await new Promise<void>((resolve) => (this.#wake = resolve));
      else await this.catchUp();
    }
  }
}
