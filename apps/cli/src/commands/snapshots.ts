import type { SnapshotView } from "@serai/api-contract/schemas";
import type { Context } from "../context.ts";
import { bytes, plain, since, table } from "../terminal-text.ts";

export async function listSnapshots(context: Context, vm: string): Promise<void> {
  const { items } = await (await context.client()).call("listSnapshots", { params: { vm } }, context.signal);
  context.show(items, () =>
    items.length === 0
      ? "There are no snapshots yet; take one with serai snapshot create VM NAME."
      : table(
          ["NAME", "ID", "STATE", "MEMORY", "PAUSE", "AGE", "DESCRIPTION"],
          asTree(items).map(([depth, snapshot]) => [
            `${"  ".repeat(depth)}${snapshot.name}`,
            snapshot.id,
            snapshot.phase,
            snapshot.hasMemory ? bytes(snapshot.memoryBytes ?? 0) : "no",
            snapshot.pauseMs === undefined ? "" : `${snapshot.pauseMs} ms`,
            since(snapshot.createdAt, Date.now()),
            plain(snapshot.description),
          ]),
        ),
  );
}

/** Each snapshot below the one that the VM came from. */
function asTree(items: readonly SnapshotView[]): [depth: number, SnapshotView][] {
  const ids = new Set(items.map(({ id }) => id));
  const under = (parent: string | undefined, depth: number): [number, SnapshotView][] =>
    items
      .filter(
        (item) => (item.parent !== undefined && ids.has(item.parent) ? item.parent : undefined) === parent,
      )
      .flatMap((item) => [[depth, item] as [number, SnapshotView], ...under(item.id, depth + 1)]);
  return under(undefined, 0);
}

export async function createSnapshot(
  context: Context,
  vm: string,
  name: string,
  options: { memory?: boolean; description?: string },
): Promise<void> {
  const client = await context.client();
  const body = {
    name,
    ...(options.memory === true && { memory: true }),
    ...(options.description !== undefined && { description: options.description }),
  };
  await context.finish(
    await client.call("createSnapshot", { params: { vm }, body }, context.signal),
    `Taking ${name}`,
  );
  const snapshot = await client.call("getSnapshot", { params: { vm, snapshot: name } }, context.signal);
  context.show(snapshot, () => `Took ${name}; the guest stood still for ${snapshot.pauseMs ?? 0} ms.`);
}

export async function revertToSnapshot(context: Context, vm: string, snapshot: string): Promise<void> {
  const client = await context.client();
  const receipt = await client.call("revertToSnapshot", { params: { vm, snapshot } }, context.signal);
  const ended = await context.finish(receipt, `Reverting ${vm}`);
  context.show(ended, () => `${vm} is as it was in ${snapshot}.`);
}

export async function removeSnapshots(
  context: Context,
  vm: string,
  snapshots: readonly string[],
): Promise<void> {
  const client = await context.client();
  for (const snapshot of snapshots) {
    const receipt = await client.call("deleteSnapshot", { params: { vm, snapshot } }, context.signal);
    const ended = await context.finish(receipt, `Deleting ${snapshot}`);
    context.show(ended, () => `Deleted ${snapshot}.`);
  }
}
