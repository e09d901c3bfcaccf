import { Fault } from "@serai/kit/fault";

export type Call = { command: string; timeoutMs: number; isOutOfBand: boolean; line: (id: number) => string };

type Pending = Call & {
  resolve: (value: unknown) => void;
  reject: (reason: unknown) => void;
  timer: NodeJS.Timeout;
  unlisten: () => void;
};

/**
 * QEMU stops reading its monitor while eight in-band commands are queued, and would then not see an out-of-band
 * one either. Sending fewer keeps that door open.
 */
const inBandLimit = 6;

/** The calls of one session that have no answer yet. Each ends exactly once: answer, deadline, abort or `endAll`. */
export class PendingCalls {
  readonly #write: (line: string) => void;
  readonly #waiting = new Map<number, Pending>(); // not yet sent
  readonly #sent = new Map<number, Pending>();
  readonly #inBand = new Set<number>(); // what QEMU owes an answer to, given up or not
  #lastId = 0;

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  start(call: Call, signal: AbortSignal): Promise<unknown> {
    if (signal.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId;
      const onAbort = () => this.#abandon(id, signal.reason);
      const timer = setTimeout(() => this.#abandon(id, timeoutFault(call)), call.timeoutMs);
      signal.addEventListener("abort", onAbort, { once: true });
      const unlisten = () => signal.removeEventListener("abort", onAbort);
      this.#waiting.set(id, { ...call, resolve, reject, timer, unlisten });
      this.#pump();
    });
  }

  /** The call that a reply answers, now no longer pending; undefined when its caller gave up or never was. */
  take(
    id: unknown,
  ): { resolve: (value: unknown) => void; reject: (reason: unknown) => void; command: string } | undefined {
    if (typeof id !== "number") return undefined;
    const found = this.#sent.get(id);
    this.#sent.delete(id);
    this.#inBand.delete(id);
    this.#pump();
    if (found !== undefined) release(found);
    return found;
  }

  endAll(reason: unknown): void {
    const all = [...this.#waiting.values(), ...this.#sent.values()];
    this.#waiting.clear();
    this.#sent.clear();
    this.#inBand.clear();
    for (const pending of all) {
      release(pending);
      pending.reject(reason);
    }
  }

  #pump(): void {
    for (const [id, pending] of this.#waiting) {
      if (!pending.isOutOfBand && this.#inBand.size >= inBandLimit) continue;
      this.#waiting.delete(id);
      this.#sent.set(id, pending);
      if (!pending.isOutOfBand) this.#inBand.add(id);
      this.#write(pending.line(id));
    }
  }

  #abandon(id: number, reason: unknown): void {
    const pending = this.#waiting.get(id) ?? this.#sent.get(id);
    if (pending === undefined) return;
    // What was sent stays in `#inBand`: it fills QEMU's queue until QEMU has answered it.
    this.#waiting.delete(id);
    this.#sent.delete(id);
    release(pending);
    pending.reject(reason);
  }
}

function release(pending: Pending): void {
  clearTimeout(pending.timer);
  pending.unlisten();
}

function timeoutFault({ command, timeoutMs }: Call): Fault {
  return new Fault("qmp.timeout", `QEMU did not answer ${command} within ${timeoutMs} ms.`, {
    details: { command, timeoutMs },
  });
}
