/** Time, as a port: rules take it as a value, services take this. */
export type Clock = {
  /** Milliseconds since the epoch. */
  nowMs(): number;
};

export const systemClock: Clock = { nowMs: () => Date.now() };

/** An RFC 3339 moment in UTC, as every record stores it. */
export function timestamp(clock: Clock): string {
  return new Date(clock.nowMs()).toISOString();
}
