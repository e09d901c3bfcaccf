/** What a reconciler wants next: nothing until something happens, or to be called again. */
export type Revisit = "settled" | { inMs: number };
export const settled: Revisit = "settled";
export const lookAgain: Revisit = { inMs: 0 };

export type Reconcile = (id: string, signal: AbortSignal) => Promise<Revisit>;

export type WorkQueueOptions = {
  reconcile: Reconcile;
  /** Everything there is, for the slow periodic revisit that finds what no event told. */
  all: () => Iterable<string>;
  onError: (id: string, error: unknown, failures: number) => void;
  /** Between 0 and 1, like Math.random. */
  random: () => number;
  concurrency?: number;
  revisitMs?: number;
};

const firstDelayMs = 250;
const maxDelayMs = 60_000;
const revisitTicks = 60;

type Item = { isRunning: boolean; isDue: boolean; failures: number; timer?: NodeJS.Timeout };

/**
 * Calls a reconciler for ids: one call per id at a time, however often it is nudged; a bounded number at once;
 * again after a throw, later each time, with jitter; and for everything there is, slowly, for ever.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #items = new Map<string, Item>();
  #due: string[] = [];
  #running = 0;
  readonly #stop = new AbortController();
  #isDraining = false;
  #onIdle: (() => void) | undefined;
  readonly #revisit: NodeJS.Timeout;
  #round: string[] = [];

  constructor(options: WorkQueueOptions) {
    this.#options = options;
    this.#revisit = setInterval(() => this.#revisitSome(), (options.revisitMs ?? 60_000) / revisitTicks);
    this.#revisit.unref();
  }

  /** Looks at the id soon; at once after the present look when there is one. */
  nudge(id: string): void {
    if (this.#isDraining) return;
    const item = this.#items.get(id) ?? { isRunning: false, isDue: false, failures: 0 };
    this.#items.set(id, item);
    clearTimeout(item.timer);
    if (item.isDue) return;
    item.isDue = true;
    if (item.isRunning) return;
    this.#due.push(id);
    this.#pump();
  }

  /** Starts nothing new, lets what runs finish until the deadline, then breaks it off. */
  async drain(deadlineMs: number): Promise<void> {
    this.#isDraining = true;
    clearInterval(this.#revisit);
    this.#due = [];
    for (const item of this.#items.values()) clearTimeout(item.timer);
    if (this.#running === 0) return this.#stop.abort();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onIdle = resolve;
    const timer = setTimeout(() => this.#stop.abort(new Error("shutting down")), deadlineMs);
    // Even a reconciler that ignores its signal must not hold up the end.
    const hardTimer = setTimeout(resolve, deadlineMs + 1000);
    await promise;
    clearTimeout(timer);
    clearTimeout(hardTimer);
    this.#stop.abort();
  }

  #pump(): void {
    while (this.#running < (this.#options.concurrency ?? 8)) {
      const id = this.#due.shift();
      if (id === undefined) return;
      void this.#run(id);
    }
  }

  async #run(id: string): Promise<void> {
    const item = this.#items.get(id);
    if (item === undefined) return;
    item.isDue = false;
    item.isRunning = true;
    this.#running += 1;
    const next = await this.#look(id, item);
    // What the next look needs to see may be a message that waits for the event loop: without this turn,
    // a reconciler that never leaves memory would look at the same old state for ever.
    if (next !== "settled" && next.inMs <= 0) await new Promise((resolve) => setImmediate(resolve));
    item.isRunning = false;
    this.#running -= 1;
    this.#plan(id, item, next);
    this.#pump();
    if (this.#running === 0) this.#onIdle?.();
  }

  async #look(id: string, item: Item): Promise<Revisit> {
    try {
      const next = await this.#options.reconcile(id, this.#stop.signal);
      item.failures = 0;
      return next;
    } catch (error) {
      item.failures += 1;
      if (!this.#stop.signal.aborted) this.#options.onError(id, error, item.failures);
      const most = Math.min(maxDelayMs, firstDelayMs * 2 ** (item.failures - 1));
      return { inMs: most * (0.5 + this.#options.random() / 2) };
    }
  }

  #plan(id: string, item: Item, next: Revisit): void {
    if (this.#isDraining) return;
    // Nudged meanwhile: that is news, unless the look failed, which is no reason to hurry.
    if ((item.isDue && item.failures === 0) || (next !== "settled" && next.inMs <= 0)) {
      item.isDue = true;
      this.#due.push(id);
    } else if (next === "settled") {
      this.#items.delete(id);
    } else {
      item.isDue = false;
      item.timer = setTimeout(() => this.nudge(id), Math.min(next.inMs, 2 ** 31 - 1));
    }
  }

  #revisitSome(): void {
    if (this.#round.length === 0) this.#round = [...this.#options.all()];
    const share = Math.ceil(this.#round.length / revisitTicks) || 1;
    for (const id of this.#round.splice(0, share)) if (!this.#items.has(id)) this.nudge(id);
  }
}
