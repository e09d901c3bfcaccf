import { rmSync } from "node:fs";
import { Fault } from "@serai/kit/fault";
import type { LiveVm } from "../live-vm.ts";
import { saveMemory } from "./memory-transfer.ts";
import { commitSuspended, suspendFile } from "./suspended-state.ts";

/**
 * Stops the guest and puts its memory on disk; QEMU still runs afterwards, for the caller to end. If it fails, the
 * guest goes on. `prepareSocket` makes a socket of ours one that QEMU may connect to.
 */
export async function suspendLiveVm(
  live: LiveVm,
  prepareSocket: (socketPath: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const { record, directory, session } = live;
  const wasRunning = live.status === "running";
  live.save({ isSuspending: true });
  try {
    signal.throwIfAborted();
    if (wasRunning) await live.pause(signal);
    const socketPath = directory.migration;
    const transfer = { session, socketPath, file: suspendFile(directory) };
    await saveMemory(transfer, () => prepareSocket(socketPath), signal);
    const { token, plan, accelerator } = record;
    commitSuspended(directory, { token, plan, accelerator, suspendedAt: new Date().toISOString() });
  } catch (error) {
    await goOn(live, wasRunning);
    throw asFault(error);
  }
}

async function goOn(live: LiveVm, wasRunning: boolean): Promise<void> {
  rmSync(suspendFile(live.directory), { force: true });
  const patience = AbortSignal.any([AbortSignal.timeout(10_000), live.detached]);
  try {
    await live.session.execute("migrate_cancel", {}, {}, patience);
    if (wasRunning) await live.continue(patience);
  } catch {
    return; // it ended meanwhile, and its end is told by itself
  }
  live.forget("isSuspending");
}

function asFault(error: unknown): unknown {
  if ((error as NodeJS.ErrnoException).code !== "ENOSPC") return error;
  return new Fault(
    "pool.full",
    "There is not enough space to save the VM's memory; free some and try again.",
    {
      cause: error,
    },
  );
}
