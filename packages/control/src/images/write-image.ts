import { timestamp } from "@serai/kit/clock";
import type { FaultJson } from "@serai/kit/fault";
import { imageKey, imageNameKey, type ImageRecord } from "@serai/model/image";
import type { Operation } from "@serai/model/operation";
import type { SeraiEvent } from "@serai/model/event";
import type { Compare, Write } from "@serai/store/store";
import { endOperation, putEvent, unchanged, type ControlParts } from "../parts.ts";
import type { ImageEntry } from "../view/image-shelf.ts";
import { imageTarget, putImage } from "./image-records.ts";

type Ending = { phase: "succeeded" | "failed" | "cancelled"; fault?: FaultJson; note?: string };

export type ImageWrite = {
  /** The new record; without it the image is removed, its name with it. */
  record?: ImageRecord;
  event?: Pick<SeraiEvent, "type" | "severity" | "message">;
  /** How each open operation ends; undefined leaves it open. */
  end?: (operation: Operation) => Ending | undefined;
};

/** One transaction: record, operations, event. Does nothing when somebody changed the image first: look again. */
export async function writeImage(
  parts: ControlParts,
  { record: before, revision }: ImageEntry,
  write: ImageWrite,
  signal: AbortSignal,
): Promise<void> {
  const key = imageKey(before.id);
  const when: Compare[] = [unchanged(key, revision)];
  const then: Write[] = write.record
    ? [putImage({ ...write.record, updatedAt: timestamp(parts.clock) })]
    : [{ delete: key }, { delete: imageNameKey(before.project, before.name) }];
  for (const operation of parts.view.operations.openOn(before.id)) {
    const ending = write.end?.(operation);
    if (ending === undefined) continue;
    const end = endOperation(parts, operation, ending);
    when.push(end.compare);
    then.push(end.write);
  }
  if (write.event) then.push(putEvent(parts, { ...write.event, target: imageTarget(before) }));
  const answer = await parts.store.txn({ when, then }, signal);
  await parts.view.reached(answer.revision, signal);
}
