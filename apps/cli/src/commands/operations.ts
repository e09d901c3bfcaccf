import { waitForOperation } from "@serai/api-contract/client";
import { watchChanges } from "@serai/api-contract/routes/operations";
import type { WatchFrame } from "@serai/api-contract/watch-frame";
import type { SeraiEvent } from "@serai/model/event";
import type { Context } from "../context.ts";
import { parseWhole } from "../parse-values.ts";
import { plain, since, table } from "../terminal-text.ts";
import { openWebSocket } from "../web-socket.ts";

export async function listOperations(
  context: Context,
  options: { limit?: string; all?: boolean },
): Promise<void> {
  const limit = parseWhole(options.limit ?? "50", "--limit", 1, 1000);
  const query = { limit, ...(options.all === true ? {} : {}) };
  const { items } = await (await context.client()).call("listOperations", { query }, context.signal);
  context.show(items, () =>
    items.length === 0
      ? "There are no operations yet."
      : table(
          ["ID", "VERB", "TARGET", "PHASE", "AGE", "NOTE"],
          items.map((operation) => [
            operation.id,
            operation.verb,
            operation.target.name ?? operation.target.id,
            operation.progress === undefined || operation.endedAt !== undefined
              ? operation.phase
              : `${operation.phase} ${Math.floor(operation.progress * 100)} %`,
            since(operation.createdAt, Date.now()),
            plain(operation.fault?.message ?? operation.note ?? ""),
          ]),
        ),
  );
}

export async function waitOperation(context: Context, reference: string): Promise<void> {
  const client = await context.client();
  const now = await client.call("getOperation", { params: { operation: reference } }, context.signal);
  // Unlike a command of one's own, leaving this wait must not cancel somebody's operation.
  const ended = await waitForOperation(client, now.id, {}, context.signal);
  context.show(
    ended,
    () =>
      `${ended.verb} of ${ended.target.name ?? ended.target.id}: ${ended.phase}${ended.fault === undefined ? "" : `: ${plain(ended.fault.message)}`}`,
  );
  if (ended.phase !== "succeeded") process.exitCode = 9;
}

export async function cancelOperation(context: Context, reference: string): Promise<void> {
  const client = await context.client();
  const operation = await client.call(
    "cancelOperation",
    { params: { operation: reference } },
    context.signal,
  );
  context.show(
    operation,
    () => `${operation.verb} of ${operation.target.name ?? operation.target.id} is being cancelled.`,
  );
}

const line = (event: SeraiEvent): string =>
  `${event.at}  ${event.severity.padEnd(7)}  ${event.type.padEnd(18)}  ${plain(event.target.name ?? event.target.id).padEnd(16)}  ${plain(event.message)}`;

export async function showEvents(
  context: Context,
  options: { follow?: boolean; limit?: string; target?: string },
): Promise<void> {
  const client = await context.client();
  const limit = parseWhole(options.limit ?? "50", "--limit", 1, 1000);
  const page = await client.call(
    "listEvents",
    { query: { limit, ...(options.target !== undefined && { target: options.target }) } },
    context.signal,
  );
  const oldestFirst = page.items.toReversed();
  if (context.isJson && options.follow !== true) return context.show(oldestFirst, () => "");
  const print = (event: SeraiEvent) => context.say(context.isJson ? JSON.stringify(event) : line(event));
  for (const event of oldestFirst) print(event);
  if (options.follow === true) await follow(context, page.revision, options.target, print);
}

/** Follows from a revision on, and goes on from the last one seen when the connection is lost. */
async function follow(
  context: Context,
  revision: number,
  target: string | undefined,
  print: (event: SeraiEvent) => void,
): Promise<void> {
  let from = revision;
  const seen = new Set<string>();
  while (!context.signal.aborted) {
    const query = { from, kinds: "event" };
    const socket = await openWebSocket(await context.connection(), watchChanges, { query }, context.signal);
    const onAbort = () => socket.close();
    context.signal.addEventListener("abort", onAbort, { once: true });
    await new Promise<void>((resolve) => {
      socket.on("message", (data: Buffer) => {
        const frame = JSON.parse(data.toString()) as WatchFrame;
        from = frame.revision;
        if (frame.kind !== "event" || frame.type !== "put" || seen.has(frame.id)) return;
        seen.add(frame.id); // a frame may repeat after a reconnection
        if (target === undefined || frame.object.target.id === target || frame.object.target.name === target)
          print(frame.object);
      });
      socket.once("close", () => resolve());
      socket.once("error", () => resolve()); // "close" follows; reconnecting reports what is wrong
    });
    context.signal.removeEventListener("abort", onAbort);
  }
}
