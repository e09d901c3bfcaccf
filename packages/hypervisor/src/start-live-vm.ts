import { randomBytes } from "node:crypto";
import { rmSync, statSync } from "node:fs";
import { errorChain, Fault, isFault } from "@serai/kit/fault";
import { bubblewrapArgv } from "@serai/linux/bubblewrap";
import { bootId } from "@serai/linux/process-identity";
import { qemuArgv } from "./argv/qemu-argv.ts";
import { launcherArgv, type LaunchUser } from "./jail/launcher-argv.ts";
import { qemuSandbox } from "./jail/qemu-sandbox.ts";
import type { LaunchPlan } from "./launch-plan.ts";
import type { LiveVm } from "./live-vm.ts";
import { lastWords } from "./process/last-words.ts";
import { spawnQemu, type QemuProcess } from "./process/qemu-process.ts";
import { giveTicket } from "./process/ticket.ts";
import type { RunRecord } from "./run-record.ts";
import { loadMemory } from "./suspend/memory-transfer.ts";
import { discardSuspended, restoreSuspended, useUpSuspended } from "./suspend/suspended-state.ts";
import type { VmDriverConfig } from "./vm-driver-types.ts";

/** The record of a launch that is about to begin. */
export function newRun(
  plan: LaunchPlan,
  phase: "launching" | "restoring",
  config: VmDriverConfig,
): RunRecord {
  const oomKillsBefore = config.cgroup?.oomKills();
  return {
    token: randomBytes(9).toString("base64url"),
    phase,
    plan,
    accelerator: config.accelerator,
    qemuVersion: config.qemu.version,
    bootId: bootId(),
    resetCount: plan.resetCount,
    ...(oomKillsBefore !== undefined && { oomKillsBefore }),
    ...(config.jail !== undefined && { isJailed: true }),
  };
}

/**
 * Takes a recorded launch to a running guest. `onProcess` gets the process as soon as there is one. Rejects with
 * QEMU's own words; what is left then is the caller's to end.
 */
export async function startLiveVm(
  live: LiveVm,
  config: VmDriverConfig,
  onProcess: (process: QemuProcess) => void,
  signal: AbortSignal,
): Promise<void> {
  const { record, directory } = live;
  const isRestoring = record.phase === "restoring";
  giveTicket(directory.ticket(record.token));
  const process = await spawnQemu({
    argv: launchArgv(live, config),
    cwd: directory.qemu,
    log: directory.log,
    isJailed: record.isJailed === true,
  }).catch((error: unknown) => {
    throw startFailed(lastWords(directory.log) || "its program did not run", error);
  });
  live.process = process;
  onProcess(process);
  if (!record.isJailed) live.save({ process: process.identity });
  const gone = new AbortController();
  void process.ended.then(() => gone.abort(new Error("QEMU ended")));
  const patience = AbortSignal.any([signal, gone.signal]);
  try {
    await live.connect(patience);
    if (record.isJailed) live.save({ process: process.identity });
    if (isRestoring) await restore(live, patience);
    await bringUp(live, patience);
  } catch (error) {
    // The caller's own abort is no failure of QEMU.
    if (signal.aborted) throw signal.reason;
    // A monitor that closes tells of a process that is ending.
    if (isFault(error, "qmp.closed")) await process.ended;
    if (gone.signal.aborted) throw startFailed(lastWords(directory.log) || "it ended without a word", error);
    throw isFault(error, "qmp.refused") ? startFailed(error.message, error) : error;
  }
}

/** The last step of a launch, also of one that an earlier daemon began. Safe to repeat. */
export async function bringUp(live: LiveVm, signal: AbortSignal): Promise<void> {
  await live.continue(signal);
  const wasRestored = live.record.phase === "restoring";
  rmSync(live.directory.ticket(live.record.token), { force: true });
  live.save({ phase: "up", startedAt: new Date().toISOString() });
  if (wasRestored) discardSuspended(live.directory);
}

async function restore(live: LiveVm, signal: AbortSignal): Promise<void> {
  const { directory } = live;
  await loadMemory(
    { session: live.session, socketPath: directory.migration, file: directory.suspendedState },
    (socketPath, inner) => live.dial(socketPath, inner),
    signal,
  );
  useUpSuspended(directory);
  try {
    await live.continue(signal);
  } catch (error) {
    // A refusal says that nothing ran. Anything else cannot tell, and then the memory stays used up.
    if (isFault(error, "qmp.refused")) restoreSuspended(directory);
    throw error;
  }
}

function launchArgv({ record, directory }: LiveVm, config: VmDriverConfig): string[] {
  const { plan, token } = record;
  const uefiCode = plan.spec.firmware === "uefi" ? config.firmware?.uefiCode : undefined;
  const arguments_ = qemuArgv({
    plan,
    directory,
    token,
    qemuVersion: config.qemu.version,
    accelerator: config.accelerator,
    ...(uefiCode !== undefined && { uefiCode }),
    isIncoming: record.phase === "restoring",
  });
  const user = launchUser(config);
  const sandbox = qemuSandbox({
    plan,
    directory,
    qemuPath: config.qemu.path,
    accelerator: config.accelerator,
    ...(uefiCode !== undefined && { uefiCode }),
  });
  return launcherArgv({
    command: [config.qemu.path, ...arguments_],
    ticket: directory.ticket(token),
    cgroupProcsFiles: config.cgroup?.procsFiles() ?? [],
    ...(user !== undefined && { user }),
    ...(config.jail !== undefined && { jail: bubblewrapArgv(config.jail.bubblewrap, sandbox) }),
  });
}

function launchUser({ uid, gid, accelerator }: VmDriverConfig): LaunchUser | undefined {
  if (uid === undefined || gid === undefined) return undefined;
  // Distributions give /dev/kvm to a group. Root's own is never handed out: then QEMU says that it may not open it.
  const kvmGroup = accelerator === "kvm" ? statSync("/dev/kvm", { throwIfNoEntry: false })?.gid : undefined;
  return { uid, gid, ...(kvmGroup !== undefined && kvmGroup !== 0 && { groups: [kvmGroup] }) };
}

const startFailed = (words: string, cause: unknown): Fault =>
  new Fault("vm.start_failed", `QEMU could not start the VM: ${words}`, {
    cause,
    details: { chain: errorChain(cause) },
  });
