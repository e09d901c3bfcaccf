import { poll } from "@serai/kit/deadline";
import { isAlive, waitForExit, type ProcessIdentity } from "@serai/linux/process-identity";
import { qemuName } from "./argv/machine.ts";
import type { LiveVm } from "./live-vm.ts";
import { findProcessByToken } from "./process/find-by-token.ts";
import { nestingOf } from "./process/process-tree.ts";
import { takeTicket } from "./process/ticket.ts";
import { bringUp } from "./start-live-vm.ts";
import { readSuspended } from "./suspend/suspended-state.ts";

/** The process of a recorded run, if it is still there. */
export async function findRecordedProcess(
  { record, directory }: LiveVm,
  signal: AbortSignal,
): Promise<ProcessIdentity | undefined> {
  if (record.process !== undefined) return isAlive(record.process) ? record.process : undefined;
  const token = qemuName(record.plan.vm, record.token);
  const found = takeTicket(directory.ticket(record.token), token);
  return found === undefined || !record.isJailed ? found : waitUntilJailed(token, signal);
}

/** What was found may be what is about to make the jail: QEMU is, or will be, the process in it. */
async function waitUntilJailed(token: string, signal: AbortSignal): Promise<ProcessIdentity | undefined> {
  const deadline = {
    ms: 20_000,
    everyMs: 5,
    code: "vm.start_failed",
    message: "A launch of an earlier daemon does not go on.",
  } as const;
  const { found } = await poll(deadline, signal, () => {
    const found = findProcessByToken(token);
    return found === undefined || nestingOf(found.pid) > 0 ? { found } : undefined;
  });
  return found;
}

/**
 * Takes over a QEMU that an earlier daemon started, whatever it was doing: a launch is finished, an unfinished suspend
 * undone, a finished one completed. Answers false when it had to be ended, and is gone. Rejects when it does not
 * answer: then nothing is known about it, and nothing was done to it.
 */
export async function adoptLiveVm(
  live: LiveVm,
  identity: ProcessIdentity,
  signal: AbortSignal,
): Promise<boolean> {
  const { record, directory } = live;
  const gone = new AbortController();
  try {
    void watchUntilConnected(identity, gone, signal);
    await live.connect(AbortSignal.any([signal, gone.signal]));
  } finally {
    gone.abort();
  }
  if (!(await live.isOurs(signal))) throw new Error("another QEMU answers on this VM's monitor");
  if (record.process === undefined) live.save({ process: identity });
  if (readSuspended(directory)?.token === record.token || record.isKilling || record.hasGuestShutDown) {
    await live.end();
    return false;
  }
  return settle(live, signal);
}

async function settle(live: LiveVm, signal: AbortSignal): Promise<boolean> {
  const { record, directory } = live;
  const status = await live.catchUp(signal);
  if (status === "shutdown") {
    live.save({ hasGuestShutDown: true });
    await live.end();
    return false;
  }
  if (record.phase === "launching") await bringUp(live, signal);
  if (record.phase === "restoring") {
    // Still loading: the memory was fed by a daemon that is gone. It still counts, so the next launch begins anew.
    if (readSuspended(directory) !== undefined) {
      await live.end();
      return false;
    }
    await bringUp(live, signal);
  }
  if (record.isSuspending) {
    live.forget("isSuspending");
    if (status === "postmigrate" || status === "finish-migrate" || status === "paused")
      await live.continue(signal);
  }
  return true;
}

/** A process that ends before its monitor answers would otherwise be waited for until the deadline. */
async function watchUntilConnected(
  identity: ProcessIdentity,
  gone: AbortController,
  signal: AbortSignal,
): Promise<void> {
  try {
    await waitForExit(identity, 60_000, AbortSignal.any([signal, gone.signal]));
    gone.abort(new Error("QEMU ended"));
  } catch {
    // connected meanwhile, or nobody waits any more
  }
}
