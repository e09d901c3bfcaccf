import type { Operation } from "@serai/model/operation";
import type { SeraiEvent } from "@serai/model/event";
import type { ImageView, VmView } from "./schemas.ts";

export type WatchKind = "vm" | "image" | "operation" | "event";
export const watchKinds: readonly WatchKind[] = ["vm", "image", "operation", "event"];

type Put<K extends WatchKind, O> = { revision: number; kind: K; type: "put"; id: string; object: O };

/**
 * One text frame of `/v1/watch`. Revisions never fall; a frame's revision promises that all up to it was sent, so
 * whoever loses the connection resumes with `from` = the revision of the last frame and misses nothing. A frame
 * may repeat what the reader knows already.
 */
export type WatchFrame =
  | Put<"vm", VmView>
  | Put<"image", ImageView>
  | Put<"operation", Operation>
  | Put<"event", SeraiEvent>
  | { revision: number; kind: WatchKind; type: "delete"; id: string }
  | { revision: number; kind: "bookmark" };

/** Close codes of the server's WebSockets. Those from 4000 on are ours. */
export const closeCodes = {
  /** The server stops; connect again later. */
  goingAway: 1001,
  /** The reader is too slow: connect again with `from`. */
  tooSlow: 4001,
  /** `from` is too old (`store.compacted`): list again, then watch from the list's revision. */
  compacted: 4002,
  /** The guest or its stream ended. */
  streamEnded: 4003,
  /** A fault; the reason holds its code. */
  fault: 4004,
} as const;
