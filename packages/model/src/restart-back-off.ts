/** A guest that stayed up this long starts its back-off anew. */
export const stableAfterMs = 10 * 60_000;

/** 1 s, doubling with each restart in a row, at most a minute. */
export function delayBeforeRestartMs(restarts: number): number {
  return Math.min(60_000, 1000 * 2 ** Math.min(restarts, 6));
}
