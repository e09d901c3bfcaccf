import { randomBytes } from "node:crypto";
import { rmSync, statSync } from "node:fs";
import { errorChain, Fault, isFault } from "@serai/kit/fault";
import { bubblewrapArgv } from "@serai/linux/bubblewrap";
import { bootId } from "@serai/linux/process-identity";
import { userNetwork } from "@serai/model/network";
import type { NicEnds } from "./argv/nics.ts";
import { qemuArgv } from "./argv/qemu-argv.ts";
import { launcherArgv, type LaunchUser } from "./jail/launcher-argv.ts";
import { openUserNetworks, passtUser, type UserNetworks } from "./jail/passt.ts";
import { qemuSandbox } from "./jail/qemu-sandbox.ts";
import type { LaunchPlan } from "./launch-plan.ts";
import type { LiveVm } from "./live-vm.ts";
import type { ExitStatus } from "./process/exit-status.ts";
import { lastWords } from "./process/last-words.ts";
import { spawnQemu, type QemuProcess } from "./process/qemu-process.ts";
import { giveTicket } from "./process/ticket.ts";
import type { RunRecord } from "./run-record.ts";
import { loadMemory } from "./suspend/memory-transfer.ts";
import { discardSuspended, restoreSuspended, useUpSuspended } from "./suspend/suspended-state.ts";
import type { OpenTap, VmDriverConfig } from "./vm-driver-types.ts";

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
  config.cgroup?.prepare?.(record.plan);
  giveTicket(directory.ticket(record.token));
  using taps = await openTaps(live, config, signal);
  using networks = await userNetworksOf(live, config);
  const process = await spawnQemu({
    argv: launchArgv(live, config, { taps: taps.open, networks }),
    descriptors: [...(networks?.ends ?? []), ...taps.open.map(({ fd }) => fd)],
    cwd: directory.qemu,
    log: directory.log,
    isJailed: record.isJailed === true,
  }).catch((error: unknown) => {
    throw startFailed(lastWords(directory.log) || "its program did not run", error);
  });
  live.process = process;
  onProcess(process);
  networks?.start();
  if (!record.isJailed) live.save({ process: process.identity });
  const gone = new AbortController();
  void process.ended.then(() => gone.abort(new Error("QEMU ended")));
  networks?.failed.catch((error: unknown) => gone.abort(error));
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
    if (isFault(gone.signal.reason)) throw gone.signal.reason;
    if (gone.signal.aborted)
      throw startFailed(lastWords(directory.log) || wordless(await process.ended), error);
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

/** The taps of a launch; disposing of them closes our copies, whether there is a QEMU or not. */
async function openTaps(
  { record }: LiveVm,
  config: VmDriverConfig,
  signal: AbortSignal,
): Promise<Disposable & { open: readonly OpenTap[] }> {
  const nics = record.plan.spec.nics.filter(({ network }) => network !== userNetwork);
  if (nics.length > 0 && config.openTaps === undefined)
    throw new Fault("network.unsupported", "This host has no networks but user-mode ones.");
  const open = nics.length === 0 ? [] : ((await config.openTaps?.(nics, signal)) ?? []);
  return { open, [Symbol.dispose]: () => open.forEach((tap) => tap.close()) };
}

/** Undefined where QEMU must be its guest's network itself, or the guest has none. */
async function userNetworksOf(
  { record }: LiveVm,
  { jail, uid, gid, cgroup }: VmDriverConfig,
): Promise<UserNetworks | undefined> {
  const nics = record.plan.spec.nics.filter(({ network }) => network === userNetwork);
  if (jail?.passt === undefined || nics.length === 0) return undefined;
  return openUserNetworks({
    passt: jail.passt,
    jail,
    nics,
    cgroupProcsFiles: cgroup?.procsFiles() ?? [],
    ...(uid !== undefined && gid !== undefined && { user: passtUser({ uid, gid }) }),
  });
}

function launchArgv(
  { record, directory }: LiveVm,
  config: VmDriverConfig,
  { taps, networks }: { taps: readonly OpenTap[]; networks: UserNetworks | undefined },
): string[] {
  const { plan, token } = record;
  const uefiCode = plan.spec.firmware === "uefi" ? config.firmware?.uefiCode : undefined;
  const arguments_ = qemuArgv({
    plan,
    directory,
    token,
    qemuVersion: config.qemu.version,
    accelerator: config.accelerator,
    ...(uefiCode !== undefined && { uefiCode }),
    nicEnds: nicEnds(taps, networks),
    isIncoming: record.phase === "restoring",
  });
  const user = launchUser(config);
  const sandbox = qemuSandbox({
    plan,
    directory,
    qemuPath: config.qemu.path,
    accelerator: config.accelerator,
    ...(uefiCode !== undefined && { uefiCode }),
    hasPasst: networks !== undefined,
  });
  return launcherArgv({
    command: [config.qemu.path, ...arguments_],
    ticket: directory.ticket(token),
    cgroupProcsFiles: config.cgroup?.procsFiles() ?? [],
    ...(user !== undefined && { user }),
    ...(config.jail !== undefined && { jail: bubblewrapArgv(config.jail.bubblewrap, sandbox) }),
  });
}

/** As {@link spawnQemu} hands them over: from 3 on, user-mode networks first. */
function nicEnds(taps: readonly OpenTap[], networks: UserNetworks | undefined): NicEnds {
  const descriptors = (networks?.ends ?? []).map((_end, index) => 3 + index);
  const first = 3 + descriptors.length;
  return {
    descriptors,
    taps: new Map(taps.map(({ nic, mtu }, index) => [nic, { fd: first + index, mtu }])),
  };
}

function launchUser({ uid, gid, accelerator }: VmDriverConfig): LaunchUser | undefined {
  if (uid === undefined || gid === undefined) return undefined;
  // Distributions give /dev/kvm to a group. Root's own is never handed out: then QEMU says that it may not open it.
  const kvmGroup = accelerator === "kvm" ? statSync("/dev/kvm", { throwIfNoEntry: false })?.gid : undefined;
  return { uid, gid, ...(kvmGroup !== undefined && kvmGroup !== 0 && { groups: [kvmGroup] }) };
}

function wordless(status: ExitStatus | undefined): string {
  const how = status?.signal ?? (status?.code === undefined ? undefined : `exit code ${status.code}`);
  return `it ended without a word${how === undefined ? "" : ` (${how})`}`;
}

const startFailed = (words: string, cause: unknown): Fault =>
  new Fault("vm.start_failed", `QEMU could not start the VM: ${words}`, {
    cause,
    details: { chain: errorChain(cause) },
  });
