import { poll } from "@serai/kit/deadline";
import { isFault } from "@serai/kit/fault";
import { checkQemuSafety } from "@serai/model/qemu-safety";
import { freezeGuest, thawGuest } from "@serai/qmp/agent-calls";
import type { LiveVm } from "../live-vm.ts";
import { enableMigrationEvents, migrationOutcome, receiveMemory } from "../suspend/memory-transfer.ts";
import { openOverlays, type OpenOverlays, type Overlay } from "./stack-overlays.ts";

export type LiveSnapshotWish = {
  layer: string;
  overlays: readonly Overlay[];
  /** Where the memory goes; without it only the disks are kept. */
  memoryFile?: string;
  /** Makes a socket of ours one that QEMU may connect to. */
  prepareSocket: (socketPath: string) => void;
};

export type LiveSnapshot = { pauseMs: number; isQuiesced: boolean };

const freezeWithinMs = 5_000;
const thawWithinMs = 10_000;
/** A guest that writes faster than its memory is saved is stopped after this. */
const liveSaveMs = 10_000;

/**
 * Takes a snapshot of a guest that runs or is paused: from one moment on its disks write to overlays, and with
 * memory the file shows the guest as it was at that moment. If it fails, the guest goes on as it was; whether its
 * disks write to the overlays then is for {@link readBlockNodes} to tell.
 */
export async function takeLiveSnapshot(
  live: LiveVm,
  wish: LiveSnapshotWish,
  signal: AbortSignal,
): Promise<LiveSnapshot> {
  const wasRunning = live.status === "running";
  const watch = watchPauses(live);
  const overlays = await openOverlays(live, wish, signal);
  let isQuiesced = false;
  try {
    if (wish.memoryFile === undefined) isQuiesced = await stackAtRest(live, overlays, signal);
    else await saveWithMemory({ live, wish, overlays, memoryFile: wish.memoryFile, wasRunning }, signal);
    return { pauseMs: watch.longestMs(), isQuiesced };
  } finally {
    watch[Symbol.dispose]();
    const patience = AbortSignal.any([AbortSignal.timeout(10_000), live.detached]);
    await overlays.close(patience).catch(() => {}); // QEMU is gone, and its end is told by itself
    // Should this fail, the guest is seen paused while intent says running, and the power controller resumes it.
    if (wasRunning && live.status !== "running") await live.continue(patience).catch(() => {});
  }
}

/** Asks the guest to bring its file systems to rest, when its agent answers. */
async function stackAtRest(live: LiveVm, overlays: OpenOverlays, signal: AbortSignal): Promise<boolean> {
  const { agent, agentWatch } = live;
  if (agent === undefined || agentWatch?.state !== "answering" || live.status !== "running") {
    await overlays.stack(signal);
    return false;
  }
  const frozen = await freezeGuest(agent, freezeWithinMs, signal).catch(() => undefined); // not every guest can
  try {
    await overlays.stack(signal);
  } finally {
    // Also after a freeze that did not answer: it may have come through.
    await thawGuest(agent, freezeWithinMs, AbortSignal.timeout(2 * freezeWithinMs)).catch(() => {});
  }
  return frozen !== undefined && frozen > 0;
}

type Saving = {
  live: LiveVm;
  wish: LiveSnapshotWish;
  overlays: OpenOverlays;
  memoryFile: string;
  wasRunning: boolean;
};

async function saveWithMemory(saving: Saving, signal: AbortSignal): Promise<void> {
  const { live, wish, memoryFile, wasRunning } = saving;
  const { session, directory } = live;
  const isInBackground = wasRunning && (await setCapability(live, "background-snapshot", signal));
  // Only then are the disks put on overlays while QEMU still owns them: afterwards it would keep the old ones writable.
  if (!isInBackground) await setCapability(live, "pause-before-switchover", signal);
  try {
    await using receiver = await receiveMemory(
      { socketPath: directory.migration, file: memoryFile },
      () => wish.prepareSocket(directory.migration),
      signal,
    );
    await enableMigrationEvents(session, signal);
    await session.execute(
      "migrate-set-parameters",
      { "max-bandwidth": 10 * 1024 ** 3, "downtime-limit": 20 },
      {},
      signal,
    );
    const outcome = migrationOutcome(session, signal);
    outcome.catch(() => {}); // the refusal below says more
    const send = () => session.execute("migrate", { uri: receiver.uri }, {}, signal);
    if (isInBackground) await saveInBackground({ ...saving, send, outcome }, signal);
    else await saveThenStack({ ...saving, send, outcome }, signal);
    await receiver.received;
  } catch (error) {
    const patience = AbortSignal.any([AbortSignal.timeout(10_000), live.detached]);
    // The first failure is the one to tell; without a migration there is nothing to cancel.
    await session.execute("migrate_cancel", {}, {}, patience).catch(() => {});
    throw error;
  } finally {
    await clearCapabilities(live, AbortSignal.any([AbortSignal.timeout(10_000), live.detached]));
  }
}

type Sending = Saving & { send: () => Promise<unknown>; outcome: Promise<void> };

/** The guest stands still only while its devices are saved and its memory is marked; the memory follows as it runs. */
async function saveInBackground(
  { live, overlays, send, outcome }: Sending,
  signal: AbortSignal,
): Promise<void> {
  const started = untilMigration(live, (status) => status !== "setup");
  await live.pause(signal);
  await overlays.stack(signal);
  await send();
  await Promise.race([started, outcome]);
  await live.continue(signal);
  await outcome;
}

/**
 * Where the kernel lets QEMU not watch its memory: save it while the guest runs, again what it changed, and the rest
 * with the guest stopped. A QEMU that loses writes on that way saves a guest that stands still.
 */
async function saveThenStack(
  { live, overlays, send, outcome, wasRunning }: Sending,
  signal: AbortSignal,
): Promise<void> {
  const { accelerator, qemuVersion } = live.record;
  const { verdict } = checkQemuSafety({ accelerator, qemuVersion, feature: "precopy_migration" });
  if (wasRunning && verdict === "refused") await live.pause(signal);
  const atRest = untilMigration(live, (status) => status === "pre-switchover");
  await send();
  const patience = setTimeout(() => void live.pause(signal).catch(() => {}), liveSaveMs);
  try {
    await Promise.race([atRest, outcome]);
  } finally {
    clearTimeout(patience);
  }
  await overlays.stack(signal);
  await live.session.execute("migrate-continue", { state: "pre-switchover" }, {}, signal);
  await outcome;
  await untilFinalized(live, signal);
  await live.continue(signal);
  // Only a run brings QEMU back from the end of a migration, so one that was paused runs for a moment.
  if (!wasRunning) await live.pause(signal);
}

function untilMigration({ session }: LiveVm, isReached: (status: string) => boolean): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = session.onEvent((event) => {
    if (event.event !== "MIGRATION" || !isReached(event.data.status)) return;
    stop();
    resolve();
  });
  return promise;
}

/** QEMU says that a migration has completed a moment before it lets the guest go on. */
async function untilFinalized({ session }: LiveVm, signal: AbortSignal): Promise<void> {
  await poll(
    { ms: 10_000, everyMs: 2, code: "qmp.timeout", message: "QEMU did not finish saving the memory." },
    signal,
    async (inner) => {
      const { status } = await session.execute("query-status", {}, {}, inner);
      return status === "finish-migrate" ? undefined : true;
    },
  );
}

/** False where QEMU or the kernel cannot. */
async function setCapability(
  { session }: LiveVm,
  capability: "background-snapshot" | "pause-before-switchover",
  signal: AbortSignal,
): Promise<boolean> {
  const capabilities = [{ capability, state: true }];
  try {
    await session.execute("migrate-set-capabilities", { capabilities }, {}, signal);
    return true;
  } catch (error) {
    if (isFault(error, "qmp.refused")) return false;
    throw error;
  }
}

/** Lets the guest write to its file systems again, when its agent answers; for one that may not be frozen. */
export async function thaw({ agent, agentWatch }: LiveVm, signal: AbortSignal): Promise<void> {
  if (agent === undefined || agentWatch?.state !== "answering") return;
  await thawGuest(agent, thawWithinMs, signal).catch(() => {}); // some agents call it an error when nothing is frozen
}

/** Leaves QEMU's migrations as they are by default. */
export async function clearCapabilities({ session }: LiveVm, signal: AbortSignal): Promise<void> {
  for (const capability of ["background-snapshot", "pause-before-switchover"] as const) {
    const capabilities = [{ capability, state: false }];
    await session.execute("migrate-set-capabilities", { capabilities }, {}, signal).catch(() => {}); // not every QEMU has it
  }
}

/** Measures from QEMU's own clock how long the guest stood still. */
function watchPauses({ session }: LiveVm): Disposable & { longestMs(): number } {
  let stoppedAt: number | undefined;
  let longest = 0;
  const stop = session.onEvent((event) => {
    if (event.event === "STOP") stoppedAt = event.timestampMs;
    if (event.event !== "RESUME" || stoppedAt === undefined) return;
    longest = Math.max(longest, event.timestampMs - stoppedAt);
    stoppedAt = undefined;
  });
  return { longestMs: () => Math.round(longest * 10) / 10, [Symbol.dispose]: stop };
}
