import { AsyncQueue } from "@serai/kit/async-queue";

/** Hands each item to every subscriber. A subscriber that falls `limit` items behind is ended with `overflow()`. */
export class EventFanOut<T> {
  readonly #queues = new Set<AsyncQueue<T>>();
  readonly #listeners = new Set<(item: T) => void>();
  readonly #overflow: () => unknown;
  #isEnded = false;

  constructor(overflow: () => unknown) {
    this.#overflow = overflow;
  }

  /** Calls `listener` at once for each item, in order. A listener must not throw. Answers how to stop it. */
  listen(listener: (item: T) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Subscribes now, not at the first iteration. Ends with the fan-out; throws the signal's reason when aborted. */
  subscribe(signal: AbortSignal): AsyncIterable<T> {
    const queue = new AsyncQueue<T>();
    const onAbort = () => this.#drop(queue, signal.reason);
    if (signal.aborted) queue.end(signal.reason);
    else if (this.#isEnded) queue.end();
    else {
      this.#queues.add(queue);
      signal.addEventListener("abort", onAbort, { once: true });
    }
    return iterate(queue, () => {
      signal.removeEventListener("abort", onAbort);
      this.#queues.delete(queue);
    });
  }

  publish(item: T): void {
    for (const listener of this.#listeners) listener(item);
    for (const queue of this.#queues) {
      if (queue.isEnded) this.#queues.delete(queue);
      else if (!queue.push(item)) this.#drop(queue, this.#overflow());
    }
  }

  end(): void {
    this.#isEnded = true;
    for (const queue of this.#queues) queue.end();
    this.#queues.clear();
    this.#listeners.clear();
  }

  #drop(queue: AsyncQueue<T>, reason: unknown): void {
    this.#queues.delete(queue);
    queue.end(reason);
  }
}

async function* iterate<T>(queue: AsyncIterable<T>, release: () => void): AsyncGenerator<T> {
  try {
    yield* queue;
  } finally {
    release();
  }
}
