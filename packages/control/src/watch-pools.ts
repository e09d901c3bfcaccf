import { delay } from "@serai/kit/deadline";
import { poolNotice, poolUse, type PoolLevel } from "@serai/model/pool-level";
import { putEvent, type ControlParts } from "./parts.ts";

const lookEveryMs = 30_000;

/** Tells in events when a pool fills up, is full, or has space again, until the signal fires. */
export async function watchPools(parts: ControlParts, signal: AbortSignal): Promise<void> {
  const levels = new Map<string, PoolLevel>();
  while (!signal.aborted) {
    try {
      await lookAtPools(parts, levels, signal);
    } catch (error) {
      if (!signal.aborted) parts.log.debug({ err: error }, "the pools could not be looked at");
    }
    await delay(lookEveryMs, signal).catch(() => {}); // the loop's condition says what an abort means
  }
}

/** One look at each pool of the host; `levels` keeps what was told last. */
export async function lookAtPools(
  parts: ControlParts,
  levels: Map<string, PoolLevel>,
  signal: AbortSignal,
): Promise<void> {
  const { id, name, pools } = await parts.hostFacts.refresh(signal);
  for (const pool of pools) {
    const before = levels.get(pool.name) ?? "ok";
    const use = poolUse({ ...pool, provisionedBytes: provisionedBytes(parts) }, before);
    levels.set(pool.name, use.level);
    const notice = poolNotice(pool.name, before, use);
    if (notice === undefined) continue;
    const data = { ...pool, usedShare: use.usedShare, provisionedShare: use.provisionedShare };
    const event = putEvent(parts, { ...notice, target: { kind: "host", id, name }, data });
    await parts.store.txn({ when: [], then: [event] }, signal);
  }
}

/** What all volumes may grow to; there is one pool for all of them now. */
function provisionedBytes({ view }: ControlParts): number {
  let sum = 0;
  for (const { record } of view.vms.entries()) {
    for (const disk of record.spec.disks) if (!disk.isReadOnly) sum += disk.sizeBytes ?? 0;
  }
  return sum;
}
