/** Longer than the longest pause before an automatic restart, so that a guest that is to come back does. */
const idleMs = 120_000;
const lookEveryMs = 5_000;

export type Idle = {
  /** How many guests run now. */
  runningGuests(): Promise<number>;
  /** How many local connections are open now. */
  openConnections(): number;
};

/**
 * Calls `end` once nothing has run and nobody was connected for two minutes: a daemon that was started on demand
 * goes away by itself. What it leaves is its state directory; the next `serai run` starts another.
 */
export function endWhenIdle(idle: Idle, end: () => void): Disposable {
  let busyAt = performance.now();
  const look = async () => {
    const isBusy = idle.openConnections() > 0 || (await idle.runningGuests()) > 0;
    if (isBusy) busyAt = performance.now();
    else if (performance.now() - busyAt > idleMs) end();
  };
  const timer = setInterval(() => {
    look().catch(() => {
      busyAt = performance.now(); // "cannot tell" is no reason to go
    });
  }, lookEveryMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
