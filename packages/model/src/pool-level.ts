/** How full a pool is, and how much more was promised than it has. */
export type PoolFigures = {
  capacityBytes: number;
  availableBytes: number;
  /** The sum of what its volumes may grow to. */
  provisionedBytes: number;
};

export type PoolLevel = "ok" | "low" | "critical" | "full";

export type PoolUse = {
  usedShare: number;
  /** Above 1, the volumes could fill the pool: they are thin. */
  provisionedShare: number;
  level: PoolLevel;
};

const MiB = 1024 * 1024;
/** Shares in use from which on a pool is worse than the level before; it is better again only `relief` below. */
const limits: readonly { level: PoolLevel; share: number }[] = [
  { level: "low", share: 0.8 },
  { level: "critical", share: 0.9 },
];
const relief = 0.02;
/** Below this, no volume is made any more, and running guests may be paused by the next write that does not fit. */
const fullBytes = 256 * MiB;
const order: readonly PoolLevel[] = ["ok", "low", "critical", "full"];

/** Judges a pool; `before` keeps a pool that hovers at a limit from changing its level with every look. */
export function poolUse(
  { capacityBytes, availableBytes, provisionedBytes }: PoolFigures,
  before: PoolLevel = "ok",
): PoolUse {
  const whole = Math.max(1, capacityBytes);
  const usedShare = Math.min(1, Math.max(0, 1 - availableBytes / whole));
  const reached = (slack: number): PoolLevel =>
    availableBytes < fullBytes
      ? "full"
      : (limits.findLast(({ share }) => usedShare >= share - slack)?.level ?? "ok");
  const now = reached(0);
  const isRelieved = order.indexOf(reached(relief)) < order.indexOf(before);
  const level = order.indexOf(now) >= order.indexOf(before) || isRelieved ? now : before;
  return { usedShare, provisionedShare: provisionedBytes / whole, level };
}

export type PoolNotice = {
  type: "pool.filling" | "pool.full" | "pool.relieved";
  severity: "info" | "warning" | "error";
  message: string;
};

/** What people are told when a pool's level changes; undefined when it did not. */
export function poolNotice(pool: string, before: PoolLevel, use: PoolUse): PoolNotice | undefined {
  if (use.level === before) return undefined;
  const figures = `${Math.round(use.usedShare * 100)} % of it is in use, and its volumes may grow to ${Math.round(use.provisionedShare * 100)} %`;
  if (use.level === "full") {
    return {
      type: "pool.full",
      severity: "error",
      message: `Pool ${pool} is full: make space, or guests that write are paused. ${figures}.`,
    };
  }
  if (order.indexOf(use.level) < order.indexOf(before)) {
    return { type: "pool.relieved", severity: "info", message: `Pool ${pool} has space again: ${figures}.` };
  }
  return {
    type: "pool.filling",
    severity: use.level === "low" ? "warning" : "error",
    message: `Pool ${pool} is filling up: ${figures}.`,
  };
}
