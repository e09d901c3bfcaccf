import { basename } from "node:path";
import { Fault } from "@serai/kit/fault";
import type { LiveVm } from "../live-vm.ts";
import { readBlockNodes } from "./block-nodes.ts";

export type LayerMerge = {
  /** Names the job, so that one that outlived a daemon is found again. */
  job: string;
  /** The file that takes over what it needs. */
  into: string;
  /** The file that is left out; and what stood below it, as it stands in its header. */
  layer: string;
  base: string | undefined;
};

/**
 * Copies what one layer of a running guest needs of the layer below it, and leaves that one out. The guest runs on.
 * At every moment each file shows the same content as before.
 */
export async function mergeLiveLayer(live: LiveVm, merge: LayerMerge, signal: AbortSignal): Promise<void> {
  const { session } = live;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  promise.catch(() => {}); // awaited below
  const stop = session.onEvent((event) => {
    if (event.event === "BLOCK_JOB_COMPLETED" && event.data.device === merge.job) {
      if (event.data.error === undefined) resolve();
      else reject(failed(event.data.error));
    }
    if (event.event === "BLOCK_JOB_CANCELLED" && event.data.device === merge.job)
      reject(failed("it was cancelled"));
  });
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  void session.ended.then(({ fault }) => reject(fault));
  try {
    const jobs = await session.execute("query-block-jobs", {}, {}, signal);
    if (!jobs.some(({ device }) => device === merge.job)) {
      const started = await startStream(live, merge, signal);
      if (!started) return;
    }
    await promise;
  } finally {
    stop();
    signal.removeEventListener("abort", onAbort);
  }
}

/** False when the layer is left out already. */
async function startStream(
  { session }: LiveVm,
  { job, into, layer, base }: LayerMerge,
  signal: AbortSignal,
): Promise<boolean> {
  const { byFile } = await readBlockNodes(session, signal);
  const device = byFile.get(into);
  if (device === undefined) throw new Error(`QEMU has no layer ${into} open`);
  if (!byFile.has(layer)) return false;
  const baseNode = base === undefined ? undefined : byFile.get(basename(base));
  if (base !== undefined && baseNode === undefined) throw new Error(`QEMU has no layer ${base} open`);
  await session.execute(
    "block-stream",
    {
      "job-id": job,
      device,
      ...(base !== undefined && baseNode !== undefined && { "base-node": baseNode, "backing-file": base }),
      "auto-dismiss": true,
    },
    {},
    signal,
  );
  return true;
}

const failed = (reason: string): Fault =>
  new Fault("volume.locked", `A disk layer could not be merged: ${reason}; the disk is unharmed, try again.`);
