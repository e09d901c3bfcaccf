import { pathOf, type Client } from "@serai/api-contract/client";
import { routes } from "@serai/api-contract/routes";
import { delay } from "@serai/kit/deadline";
import { Fault, isFault, isFaultCode } from "@serai/kit/fault";
import { socketAddress } from "../api/socket-address.ts";
import { faultSentence } from "../api/fault-words.ts";
import { mergeEvents, type Frame, type LiveStore } from "./live-store.ts";

const firstBackOffMs = 500;
const maxBackOffMs = 15_000;
/** Frames that arrive within this time become one render. */
const batchMs = 60;
/** A quiet socket may be a dead one: after this long, ask the server whether it is there. */
const quietMs = 60_000;

/** The user's own wish to try again now, and the network's return. */
export const retryNow = new EventTarget();

/**
 * Keeps the store equal to the server's state until the signal fires: lists once, then follows changes,
 * resuming from the last revision after a break. Throws only when the session has ended.
 */
export async function followServer(client: Client, store: LiveStore, signal: AbortSignal): Promise<never> {
  let revision: number | undefined;
  let failures = 0;
  for (;;) {
    try {
      revision ??= await loadAll(client, store, signal);
      for await (const frames of framesFrom(revision, client, signal)) {
        failures = 0;
        if (store.get().link.phase !== "live") store.set({ link: { phase: "live" } });
        revision = Math.max(revision, ...frames.map((frame) => frame.revision));
        if (frames.length > 0) store.apply(frames);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (isFault(error) && error.kind === "unauthenticated") throw error;
      if (isFault(error, "store.compacted")) revision = undefined;
      await waitToRetry(store, error, failures++, signal);
    }
  }
}

async function waitToRetry(
  store: LiveStore,
  error: unknown,
  failures: number,
  signal: AbortSignal,
): Promise<void> {
  const backOffMs = Math.min(maxBackOffMs, firstBackOffMs * 2 ** failures) * (0.75 + Math.random() / 2);
  const { link } = store.get();
  const sinceMs = link.phase === "lost" ? link.sinceMs : Date.now();
  store.set({
    link: { phase: "lost", reason: faultSentence(error), sinceMs, retryAtMs: Date.now() + backOffMs },
  });
  const early = new AbortController();
  const wake = () => early.abort();
  retryNow.addEventListener("retry", wake);
  addEventListener("online", wake);
  try {
    await delay(backOffMs, AbortSignal.any([signal, early.signal])).catch(() => signal.throwIfAborted());
  } finally {
    retryNow.removeEventListener("retry", wake);
    removeEventListener("online", wake);
  }
}

/** Lists everything; answers the revision from which to follow. Frames that repeat what a list said do no harm. */
async function loadAll(client: Client, store: LiveStore, signal: AbortSignal): Promise<number> {
  const [vms, images, operations, events] = await Promise.all([
    allPages((after) => client.call("listVms", { query: { limit: 1000, after } }, signal)),
    allPages((after) => client.call("listImages", { query: { limit: 1000, after } }, signal)),
    client.call("listOperations", { query: { limit: 200 } }, signal),
    client.call("listEvents", { query: { limit: 200 } }, signal),
  ]);
  store.set({
    isLoaded: true,
    vms: new Map(vms.items.map((vm) => [vm.id, vm])),
    images: new Map(images.items.map((image) => [image.id, image])),
    operations: new Map(operations.items.map((operation) => [operation.id, operation])),
    events: mergeEvents(events.items, []),
    olderEvents: events.next,
  });
  return Math.min(vms.revision, images.revision, operations.revision, events.revision);
}

async function allPages<T>(
  read: (after: string | undefined) => Promise<{ items: T[]; next?: string; revision: number }>,
) {
  const items: T[] = [];
  let page = await read(undefined);
  const { revision } = page;
  for (;;) {
    items.push(...page.items);
    if (page.next === undefined) return { items, revision };
    page = await read(page.next);
  }
}

/** Batches of frames, an empty one first when the socket opens. Ends only by throwing. */
async function* framesFrom(revision: number, client: Client, signal: AbortSignal): AsyncGenerator<Frame[]> {
  const address = socketAddress(pathOf(routes.watchChanges, {}, { from: revision }));
  const socket = new WebSocket(address, routes.watchChanges.webSocket.protocol);
  let frames: Frame[] = [];
  let isOpen = false;
  let end: unknown;
  let wake = () => {};
  const finish = (reason: unknown) => {
    end ??= reason;
    wake();
  };
  socket.onopen = () => {
    isOpen = true;
    wake();
  };
  socket.onmessage = ({ data }) => {
    frames.push(JSON.parse(String(data)) as Frame);
    wake();
  };
  socket.onclose = ({ reason }) => finish(closeFault(reason));
  const onAbort = () => finish(signal.reason);
  signal.addEventListener("abort", onAbort);
  try {
    while (!isOpen && end === undefined) await new Promise<void>((resolve) => (wake = resolve));
    if (!isOpen) throw await reasonForRefusal(client, end, signal);
    yield [];
    while (end === undefined) {
      if (frames.length === 0) await wakeOrQuiet((resolve) => (wake = resolve), client, signal);
      await delay(batchMs, signal);
      const batch = frames;
      frames = [];
      if (batch.length > 0) yield batch;
    }
    throw end;
  } finally {
    signal.removeEventListener("abort", onAbort);
    socket.close();
  }
}

async function wakeOrQuiet(
  onWake: (resolve: () => void) => void,
  client: Client,
  signal: AbortSignal,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<"quiet" | "woken">();
  const timer = setTimeout(() => resolve("quiet"), quietMs);
  onWake(() => resolve("woken"));
  if ((await promise) === "quiet")
    await client.call("getHealth", {}, AbortSignal.any([signal, AbortSignal.timeout(10_000)]));
  clearTimeout(timer);
}

function closeFault(reason: string): Fault {
  const code = reason.split(/[ :]/)[0];
  if (isFaultCode(code))
    return new Fault(code, reason.slice(code.length).replace(/^[ :]+/, "") || "The stream has ended.");
  return new Fault("host.unreachable", "The connection to the server was lost.");
}

/**
 * A browser does not say why an upgrade was refused, so ask over HTTP: this throws when the session is over or
 * the server is away; when all is well the revision was too old and everything must be listed again.
 */
async function reasonForRefusal(client: Client, end: unknown, signal: AbortSignal): Promise<unknown> {
  signal.throwIfAborted();
  await client.call("getMe", {}, signal);
  return isFault(end, "store.compacted")
    ? end
    : new Fault("store.compacted", "The stream of changes was refused; everything is read anew.");
}
