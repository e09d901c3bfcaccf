/**
 * A bounded hand-over from a producer that cannot wait to one consumer that iterates.
 * `push` returns false when the consumer is too far behind; the producer then ends the queue.
 */
export class AsyncQueue<T> implements AsyncIterable<T> {
  readonly #limit: number;
  readonly #items: T[] = [];
  #wake: (() => void) | undefined;
  #isEnded = false;
  #failure: unknown;

  constructor(limit = 10_000) {
    this.#limit = limit;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  push(item: T): boolean {
    if (this.#isEnded || this.#items.length >= this.#limit) return false;
    this.#items.push(item);
    this.#wake?.();
    return true;
  }

  /** Ends the iteration after what is queued; with a failure, by throwing it. */
  end(failure?: unknown): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#failure = failure;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    try {
      for (;;) {
        while (this.#items.length > 0) yield this.#items.shift() as T;
        if (this.#isEnded) {
          if (this.#failure !== undefined) throw this.#failure;
          return;
        }
        await new Promise<void>((resolve) => (this.#wake = resolve));
        this.#wake = undefined;
      }
    } finally {
      this.#isEnded = true;
    }
  }
}
