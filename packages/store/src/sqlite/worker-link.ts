import { Worker } from "node:worker_threads";

import { Fault, faultFromJson } from "@serai/kit/fault";

import type { WatchBatch } from "../store.ts";
import type { OperationName, Operations, Reply, Request, WorkerMessage, WorkerOptions } from "./protocol.ts";

type Pending = { resolve: (answer: unknown) => void; reject: (reason: unknown) => void };

type LinkEvents = {
  /** New revisions, in order. */
  onBatches: (batches: WatchBatch[]) => void;
  /** The worker died: there may be revisions that nobody was told of. */
  onLost: () => void;
};

// The worker's heap holds one group of requests and one page of answers; a small young generation keeps it small.
const resourceLimits = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 512 };

/** The conversation with the database's thread. Starts it when needed, again too after it died. */
export class WorkerLink {
  readonly #options: WorkerOptions;
  readonly #events: LinkEvents;
  readonly #pending = new Map<number, Pending>();
  #outbox: Request[] = [];
  #worker: Worker | undefined;
  #exited: Promise<void> = Promise.resolve();
  #lastId = 0;
  #closing: Promise<void> | undefined;

  constructor(options: WorkerOptions, events: LinkEvents) {
    this.#options = options;
    this.#events = events;
  }

  /**
   * Asks, and answers what the worker answers. `then` runs before any later revision is announced.
   * When the signal fires first, rejects at once; what was asked for may still happen.
   */
  request<Name extends OperationName>(
    name: Name,
    ask: Operations[Name]["ask"],
    signal: AbortSignal,
    then?: (answer: Operations[Name]["answer"]) => void,
  ): Promise<Operations[Name]["answer"]> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#closing) return Promise.reject(new Fault("store.unavailable", "The store is closed."));
    return new Promise((resolve, reject) => {
      const id = this.#send(name, ask, {
        resolve: (answer) => {
          signal.removeEventListener("abort", onAbort);
          then?.(answer as Operations[Name]["answer"]);
          resolve(answer as Operations[Name]["answer"]);
        },
        reject: (reason) => {
          signal.removeEventListener("abort", onAbort);
          reject(reason);
        },
      });
      const onAbort = () => {
        this.#pending.delete(id);
        reject(signal.reason);
      };
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Lets everything asked so far finish, then ends the worker. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#worker !== undefined || this.#outbox.length > 0)
      await new Promise<unknown>((resolve) => this.#send("close", {}, { resolve, reject: resolve }));
    await this.#exited;
  }

  #send(name: OperationName, ask: unknown, pending: Pending): number {
    const id = ++this.#lastId;
    this.#pending.set(id, pending);
    // What is asked in one turn goes in one message.
    if (this.#outbox.length === 0) queueMicrotask(() => this.#flush());
    this.#outbox.push({ id, name, ask } as Request);
    return id;
  }

  #flush(): void {
    const requests = this.#outbox;
    this.#outbox = [];
    this.#worker ??= this.#start();
    try {
      this.#worker.postMessage(requests);
    } catch (error) {
      // Something in them is no plain data. They were sent together, so they fail together.
      for (const { id } of requests) this.#settle({ id, bug: String(error) });
    }
  }

  #start(): Worker {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), {
      workerData: this.#options,
      resourceLimits,
      execArgv: [], // the flags our process was started with are not meant for it
      name: "serai-store",
    });
    worker.on("message", (message: WorkerMessage) => this.#receive(message));
    let cause: unknown;
    worker.on("error", (error) => (cause = error));
    this.#exited = new Promise((resolve) => {
      worker.on("exit", () => {
        this.#worker = undefined;
        this.#lose(cause);
        resolve();
      });
    });
    return worker;
  }

  #receive({ replies, batches }: WorkerMessage): void {
    for (const reply of replies) this.#settle(reply);
    if (batches.length > 0) this.#events.onBatches(batches);
  }

  #settle(reply: Reply): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if ("answer" in reply) pending?.resolve(reply.answer);
    else if ("fault" in reply) pending?.reject(faultFromJson(reply.fault));
    else pending?.reject(new Error(`the store's worker failed: ${reply.bug}`));
  }

  #lose(cause: unknown): void {
    const fault = new Fault("store.unavailable", "The store's thread ended; try again.", { cause });
    const lost = [...this.#pending.values()];
    this.#pending.clear();
    for (const pending of lost) pending.reject(fault);
    this.#events.onLost();
  }
}
