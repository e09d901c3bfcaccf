import { closeSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import process from "node:process";
import { poll } from "@serai/kit/deadline";
import { Fault } from "@serai/kit/fault";
import { errnoName, libc } from "./libc.ts";

/** Names one process for as long as the machine is up, however often its pid is used again. */
export type ProcessIdentity = {
  pid: number;
  /** Clock ticks between boot and the start of the process. */
  startTicks: number;
  bootId: string;
};

// The same numbers on every architecture: both calls are younger than the unified table.
const pidfdOpenNumber = 434;
const pidfdSendSignalNumber = 424;

/** Describes the process that has this pid now; undefined when there is none, or only its corpse. */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const stat = readStat(pid);
  return stat === undefined || isDead(stat)
    ? undefined
    : { pid, startTicks: stat.startTicks, bootId: bootId() };
}

/**
 * True while that very process runs. A zombie is dead, because whoever should reap it may take its time; but only
 * once its last thread is gone, because until then it may hold locks on disks.
 */
export function isAlive(identity: ProcessIdentity): boolean {
  const stat = readStat(identity.pid);
  return (
    stat !== undefined &&
    stat.startTicks === identity.startTicks &&
    !isDead(stat) &&
    bootId() === identity.bootId
  );
}

/**
 * Sends a signal to that very process; false when it is gone. The pid cannot be taken by another process in between:
 * a pidfd pins it, and who it is is looked at after pinning.
 */
export function killProcess(identity: ProcessIdentity, signalName: NodeJS.Signals): boolean {
  const pidfd = libc().load("long syscall(long number, int pid, uint flags)")(
    pidfdOpenNumber,
    identity.pid,
    0,
  );
  if (pidfd < 0) return killWithoutPidfd(identity, signalName, errnoName());
  try {
    if (!isAlive(identity)) return false;
    const send = libc().load("long syscall(long number, int pidfd, int signal, void *info, uint flags)");
    if (send(pidfdSendSignalNumber, pidfd, constants.signals[signalName], null, 0) === 0) return true;
    return refuse(identity, errnoName());
  } finally {
    closeSync(pidfd);
  }
}

/**
 * Resolves when that very process is dead; it need not be our child. Looks often at first, because a kill takes
 * effect within milliseconds. To wait for a guest's whole life, wait for the end of its QMP session first.
 */
export async function waitForExit(
  identity: ProcessIdentity,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const { pid } = identity;
  const deadline = {
    code: "process.still_running",
    message: `Process ${pid} did not end within ${timeoutMs} ms.`,
  } as const;
  const look = () => (isAlive(identity) ? undefined : true);
  const soonMs = 20;
  if (timeoutMs > soonMs) {
    const until = performance.now() + soonMs;
    const early = () => (look() ?? performance.now() >= until) || undefined;
    await poll({ ...deadline, ms: timeoutMs, everyMs: 1 }, signal, early);
  }
  await poll({ ...deadline, ms: timeoutMs, everyMs: 10 }, signal, look);
}

/** For kernels before 5.3. The window between look and kill is microseconds, and pids are reused in turn. */
function killWithoutPidfd(identity: ProcessIdentity, signalName: NodeJS.Signals, errno: string): boolean {
  if (errno === "ESRCH") return false;
  if (errno !== "ENOSYS") return refuse(identity, errno);
  if (!isAlive(identity)) return false;
  try {
    return process.kill(identity.pid, signalName);
  } catch (error) {
    return refuse(identity, (error as NodeJS.ErrnoException).code ?? "unknown error");
  }
}

function refuse({ pid }: ProcessIdentity, errno: string): false {
  if (errno === "ESRCH") return false;
  throw new Fault("linux.refused", `The kernel refused to signal process ${pid} (${errno}).`, {
    details: { pid, errno },
  });
}

type Stat = { state: string; threads: number; startTicks: number };

function readStat(pid: number): Stat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined; // no such process, or it went while we read
  }
  // The second field, the program's name, may hold spaces and parentheses: count from its end.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0] ?? "", threads: Number(fields[17]), startTicks: Number(fields[19]) };
}

function isDead({ state, threads }: Stat): boolean {
  return state === "X" || (state === "Z" && threads <= 1);
}

/** Differs after every boot of this machine. */
export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
}
