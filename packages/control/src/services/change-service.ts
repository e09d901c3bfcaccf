import { AsyncQueue } from "@serai/kit/async-queue";
import { Fault } from "@serai/kit/fault";
import type { ControlParts } from "../parts.ts";
import type { View, ViewChange } from "../view/view.ts";
import { authorize } from "./actor.ts";
import type { ChangeFrame, ChangeKind, ChangeService } from "./services.ts";

const maxBehind = 10_000;

/** What changed, as it changes, to any number of followers; each may resume where it left off. */
export function createChangeService({ view }: ControlParts): ChangeService {
  return {
    follow: ({ from, kinds }, actor, signal) => {
      authorize(actor, "viewer");
      // Asked for at once, so that it is refused at once.
      const missed = from === undefined ? [] : missedSince(view, from);
      return frames(view, { missed, kinds: kinds && new Set(kinds) }, signal);
    },
  };
}

function missedSince(view: View, from: number): ViewChange[] {
  const latest = new Map<string, ViewChange>();
  for (const change of view.changesAfter(from)) {
    const key = `${change.kind}/${change.id}`;
    latest.delete(key); // so that the order is that of the latest change, and revisions only rise
    latest.set(key, change);
  }
  return [...latest.values()];
}

type Wanted = { missed: ViewChange[]; kinds: ReadonlySet<ChangeKind> | undefined };

async function* frames(
  view: View,
  { missed, kinds }: Wanted,
  signal: AbortSignal,
): AsyncGenerator<ChangeFrame> {
  const queue = new AsyncQueue<ChangeFrame>(maxBehind);
  const push = (changes: readonly ViewChange[]) => {
    for (const [at, change] of changes.entries()) {
      if (kinds !== undefined && !kinds.has(change.kind)) continue;
      // A follower resumes after the revision it saw last: only the last change of a revision may carry it.
      const isWhole = changes[at + 1]?.revision !== change.revision;
      if (!queue.push(frame(view, change, isWhole ? change.revision : change.revision - 1))) {
        queue.end(
          new Fault("store.compacted", "You read slower than things change: list again, then follow on."),
        );
      }
    }
  };
  const onAbort = () => queue.end(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  const stop = view.listen(push);
  try {
    signal.throwIfAborted();
    push(missed);
    queue.push({ revision: view.revision, json: `{"revision":${view.revision},"kind":"bookmark"}` });
    yield* queue;
  } finally {
    stop();
    signal.removeEventListener("abort", onAbort);
  }
}

/** One frame, whose object is joined from the text that is there already. */
function frame(view: View, { kind, id }: ViewChange, revision: number): ChangeFrame {
  const object = view.json(kind, id);
  const head = `{"revision":${revision},"kind":"${kind}"`;
  if (object === undefined) return { revision, json: `${head},"type":"delete","id":"${id}"}` };
  return { revision, json: `${head},"type":"put","id":"${id}","object":${object}}` };
}
