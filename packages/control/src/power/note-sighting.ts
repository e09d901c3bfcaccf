import { stableAfterMs } from "@serai/model/restart-back-off";
import type { VmRecord, VmSighting, VmStatus } from "@serai/model/vm";

/** The status after a look. Equal in content to the one before when nothing changed, so that nothing is written. */
export function noteSighting(
  record: VmRecord,
  before: VmStatus,
  sighting: VmSighting,
  nowMs: number,
): VmStatus {
  const { fault, restartAt, handledExitAt, ...rest } = before;
  const isUp = sighting.state === "running" || sighting.state === "paused";
  const isWantedUp = !record.isDeleting && (record.power === "running" || record.power === "paused");
  const isStable =
    isUp && sighting.startedAt !== undefined && nowMs - Date.parse(sighting.startedAt) >= stableAfterMs;
  // An end while nobody wants it up needs no policy, then or later.
  const handled = !isWantedUp && sighting.exit !== undefined ? sighting.exit.at : handledExitAt;
  return {
    ...rest,
    sighting,
    restarts: isStable ? 0 : before.restarts,
    ...(!isUp && isWantedUp && restartAt !== undefined && { restartAt }),
    ...(fault !== undefined && !isAsWanted(record, sighting) && { fault }),
    ...(handled !== undefined && { handledExitAt: handled }),
  };
}

function isAsWanted(record: VmRecord, { state }: VmSighting): boolean {
  return record.power === "stopped" ? false : record.power === state;
}

/** Compared as text, because key order is the same: both were made by the code above. */
export function isSameStatus(a: VmStatus, b: VmStatus): boolean {
  return canonical(a) === canonical(b);
}

const canonical = (status: VmStatus): string =>
  JSON.stringify({ ...status, updatedAt: "" }, (_key, value: unknown) =>
    value !== null && typeof value === "object" && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
