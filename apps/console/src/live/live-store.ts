import type { ImageView, VmView } from "@serai/api-contract/schemas";
import type { WatchFrame, WatchKind } from "@serai/api-contract/watch-frame";
import type { SeraiEvent } from "@serai/model/event";
import type { Operation } from "@serai/model/operation";

/** How fresh what the page shows is. */
export type Link =
  | { phase: "loading" }
  | { phase: "live" }
  | { phase: "lost"; reason: string; sinceMs: number; retryAtMs: number };

export type LiveState = {
  link: Link;
  /** False until the first complete list has arrived. */
  isLoaded: boolean;
  vms: ReadonlyMap<string, VmView>;
  images: ReadonlyMap<string, ImageView>;
  operations: ReadonlyMap<string, Operation>;
  /** Newest first. */
  events: readonly SeraiEvent[];
  /** The token of the page of events after the oldest one held. */
  olderEvents: string | undefined;
};

export type Frame = WatchFrame;

export type LiveStore = {
  get(): LiveState;
  subscribe(listener: () => void): () => void;
  set(change: Partial<LiveState>): void;
  /** Applies frames in order and tells listeners once. */
  apply(frames: readonly Frame[]): void;
};

const maxEvents = 5_000;
const maxOperations = 2_000;

const empty: LiveState = {
  link: { phase: "loading" },
  isLoaded: false,
  vms: new Map(),
  images: new Map(),
  operations: new Map(),
  events: [],
  olderEvents: undefined,
};

/** Holds what the server last said; pages read slices of it through `useLive`. */
export function createLiveStore(): LiveStore {
  let state = empty;
  const listeners = new Set<() => void>();
  const set = (change: Partial<LiveState>) => {
    state = { ...state, ...change };
    for (const listener of listeners) listener();
  };
  return {
    get: () => state,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    set,
    apply: (frames) => set(applyFrames(state, frames)),
  };
}

/** The state after these frames; maps without a change keep their identity, so that nothing re-renders for them. */
export function applyFrames(state: LiveState, frames: readonly Frame[]): Partial<LiveState> {
  const of = (kind: WatchKind) => frames.filter((frame) => frame.kind === kind);
  const operations = applyTo(state.operations, of("operation"));
  return {
    vms: applyTo(state.vms, of("vm")),
    images: applyTo(state.images, of("image")),
    operations: operations.size > maxOperations ? newestOf(operations) : operations,
    events: withEvents(state.events, of("event")),
  };
}

function applyTo<T>(old: ReadonlyMap<string, T>, frames: readonly Frame[]): ReadonlyMap<string, T> {
  if (frames.length === 0) return old;
  const next = new Map(old);
  for (const frame of frames) {
    if (frame.kind === "bookmark") continue;
    if (frame.type === "delete") next.delete(frame.id);
    else next.set(frame.id, frame.object as T);
  }
  return next;
}

function newestOf(operations: ReadonlyMap<string, Operation>): ReadonlyMap<string, Operation> {
  const sorted = [...operations.values()].toSorted((a, b) => b.createdAt.localeCompare(a.createdAt));
  return new Map(sorted.slice(0, maxOperations / 2).map((operation) => [operation.id, operation]));
}

function withEvents(old: readonly SeraiEvent[], frames: readonly Frame[]): readonly SeraiEvent[] {
  const fresh = frames.flatMap((frame) =>
    frame.kind === "event" && frame.type === "put" ? [frame.object] : [],
  );
  return fresh.length === 0 ? old : mergeEvents(fresh, old);
}

/** Both lists as one, newest first, each event once. */
export function mergeEvents(a: readonly SeraiEvent[], b: readonly SeraiEvent[]): readonly SeraiEvent[] {
  const byId = new Map([...b, ...a].map((event) => [event.id, event]));
  return [...byId.values()]
    .toSorted((x, y) => y.at.localeCompare(x.at) || y.id.localeCompare(x.id))
    .slice(0, maxEvents);
}
