import { Fault, type FaultCode } from "./fault.ts";

/** Resolves after `ms`, rejects at once with the signal's reason when it is aborted. */
export function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

export type Deadline = { ms: number; code: FaultCode; message: string };

/**
 * Runs `work` with a signal that fires when the caller's signal fires or the deadline passes.
 * When the deadline passes, rejects with the named fault, whatever `work` does about it.
 */
export async function withDeadline<T>(
  deadline: Deadline,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const inner = new AbortController();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  aborted.catch(() => {}); // the race below reports it; this only stops "unhandled" noise
  const stop = (reason: unknown) => {
    inner.abort(reason);
    reject(reason);
  };
  const onAbort = () => stop(signal.reason);
  const timer = setTimeout(() => stop(new Fault(deadline.code, deadline.message)), deadline.ms);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work(inner.signal), aborted]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}

/**
 * Calls `look` until it answers something other than undefined, every `everyMs`.
 * Rejects with the deadline's fault when time is up.
 */
export function poll<T>(
  deadline: Deadline & { everyMs: number },
  signal: AbortSignal,
  look: (signal: AbortSignal) => Promise<T | undefined> | T | undefined,
): Promise<T> {
  return withDeadline(deadline, signal, async (inner) => {
    for (;;) {
      const found = await look(inner);
      if (found !== undefined) return found;
      await delay(deadline.everyMs, inner);
    }
  });
}
