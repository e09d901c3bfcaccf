import { delay } from "@serai/kit/deadline";
import type { ControlParts } from "./parts.ts";

const retryMs = 500;
const sweepEveryMs = 15 * 60_000;

/**
 * Keeps listening to the host until the signal fires: each sighting that is news wakes that VM's controller.
 * While the host cannot be reached, every VM is looked at, so that nobody takes old news for the present.
 */
export async function followHost(parts: ControlParts, signal: AbortSignal): Promise<void> {
  let wasReached = true;
  while (!signal.aborted) {
    try {
      await parts.hostFacts.refresh(signal);
      if (!wasReached) parts.log.info("the host answers again");
      wasReached = true;
      await listen(parts, signal);
    } catch (error) {
      if (signal.aborted) break;
      if (wasReached) {
        parts.log.warn({ err: error }, "the host does not answer");
        for (const id of parts.view.vms.ids()) parts.nudge("vm", id);
      }
      wasReached = false;
    }
    await delay(retryMs, signal).catch(() => {}); // the loop's condition says what an abort means
  }
}

async function listen(parts: ControlParts, signal: AbortSignal): Promise<void> {
  // Whoever was looked at while the host was away is looked at again now that it is back.
  for (const { record, status } of parts.view.vms.entries()) {
    if (status.sighting.state === "unknown") parts.nudge("vm", record.id);
  }
  signal.throwIfAborted(); // a signal that fired before it is listened to is heard by nobody
  try {
    for await (const sighting of parts.host.sightings(signal)) {
      const known = parts.view.vms.get(sighting.vm)?.status.sighting;
      if (known === undefined) continue;
      const told = JSON.stringify(sighting);
      parts.lastTold.set(sighting.vm, told);
      if (JSON.stringify(known) !== told) parts.nudge("vm", sighting.vm);
    }
  } finally {
    parts.lastTold.clear();
  }
}

/** Lets the host remove what belongs to nobody, now and then, until the signal fires. */
export async function sweepNowAndThen(parts: ControlParts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const { removed } = await parts.host.sweep(signal);
      for (const sentence of removed) parts.log.info({ removed: sentence }, "swept");
    } catch (error) {
      if (!signal.aborted) parts.log.debug({ err: error }, "the sweep has to wait");
    }
    await delay(sweepEveryMs, signal).catch(() => {}); // the loop's condition says what an abort means
  }
}
