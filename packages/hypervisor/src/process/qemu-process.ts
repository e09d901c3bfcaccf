import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { errorChain } from "@serai/kit/fault";
import {
  identifyProcess,
  isAlive,
  killProcess,
  waitForExit,
  type ProcessIdentity,
} from "@serai/linux/process-identity";
import { readExitStatus, statusOfJailed, type ExitStatus } from "./exit-status.ts";
import { parentOf } from "./process-tree.ts";

/** One QEMU process, our child or not. */
export type QemuProcess = {
  /** In a jail, whoever starts QEMU, until QEMU was recognized. */
  readonly identity: ProcessIdentity;
  /** The kernel tells us how a child ended, and nobody how another one did. */
  readonly isChild: boolean;
  /** Resolves once the process is gone; with undefined when nobody could see how it ended. Never rejects. */
  readonly ended: Promise<ExitStatus | undefined>;
  kill(): void;
  /** True if this is QEMU's pid, and no other process's. */
  recognizes(pid: number): boolean;
};

export const safePath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Starts a process that outlives us: a session of its own, no descriptor but what it is given, no environment of ours. What it
 * says goes to `log`. Rejects when it cannot be started or is gone at once.
 */
export function spawnQemu({
  argv,
  cwd,
  log,
  isJailed,
  descriptors = [],
}: {
  argv: readonly string[];
  cwd: string;
  log: string;
  isJailed: boolean;
  /** Open files that it gets as descriptors 3, 4, … */
  descriptors?: readonly number[];
}): Promise<QemuProcess> {
  const [program, ...args] = argv;
  if (program === undefined) throw new Error("there is no program to start");
  const logFd = openSync(
    log,
    constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_APPEND,
    0o600,
  );
  try {
    const child = spawn(program, args, {
      cwd,
      detached: true,
      stdio: ["ignore", logFd, logFd, ...descriptors],
      env: { PATH: safePath },
    });
    child.unref();
    return new Promise((resolve, reject) => {
      child.once("error", (error) => reject(new Error(`could not run ${program}: ${errorChain(error)}`)));
      if (child.pid === undefined) return; // the error follows
      const identity = identifyProcess(child.pid);
      if (identity === undefined) return reject(new Error(`${program} ended at once`));
      resolve(isJailed ? jailedChild(child, identity) : plainChild(child, identity));
    });
  } finally {
    closeSync(logFd);
  }
}

function plainChild(child: ChildProcess, identity: ProcessIdentity): QemuProcess {
  const { promise: ended, resolve } = Promise.withResolvers<ExitStatus | undefined>();
  child.once("exit", (code, signal) => resolve({ code: code ?? undefined, signal: signal ?? undefined }));
  return {
    identity,
    isChild: true,
    ended,
    kill: () => void child.kill("SIGKILL"),
    recognizes: (pid) => pid === identity.pid,
  };
}

/** QEMU is our child's child: bubblewrap waits for it, and ends as it ended. */
function jailedChild(child: ChildProcess, launcher: ProcessIdentity): QemuProcess {
  const { promise: ended, resolve } = Promise.withResolvers<ExitStatus | undefined>();
  let qemu: ProcessIdentity | undefined;
  child.once("exit", (code, signal) => {
    const status = statusOfJailed(code, signal);
    if (qemu === undefined || !isAlive(qemu)) return resolve(status);
    // Somebody killed bubblewrap alone. QEMU holds its disks until its own end, which nobody is told.
    const wait = new AbortController();
    void waitForEnd(qemu, Promise.resolve(), wait.signal).then(() => resolve(status));
  });
  return {
    get identity() {
      return qemu ?? launcher;
    },
    isChild: true,
    ended,
    kill: () => {
      if (qemu !== undefined) killProcess(qemu, "SIGKILL");
      // All of the launch, whatever it has come to: they are one process group.
      if (child.exitCode === null && child.signalCode === null) killGroup(launcher.pid);
    },
    recognizes: (pid) => {
      if (qemu === undefined && parentOf(pid) === launcher.pid) qemu = identifyProcess(pid);
      return pid === qemu?.pid;
    },
  };
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

const lookEveryMs = 60_000;

/**
 * A process that an earlier daemon started. Not looked at until `outOfTouch`, which its end causes; and not at all
 * once `detached` fires: then nobody here wants to know.
 */
export function adoptQemu(
  identity: ProcessIdentity,
  outOfTouch: Promise<unknown>,
  detached: AbortSignal,
): QemuProcess {
  const { promise: ended, resolve } = Promise.withResolvers<ExitStatus | undefined>();
  void waitForEnd(identity, outOfTouch, detached).then((status) => {
    if (!detached.aborted) resolve(status);
  });
  return {
    identity,
    isChild: false,
    ended,
    kill: () => void killProcess(identity, "SIGKILL"),
    recognizes: (pid) => pid === identity.pid,
  };
}

async function waitForEnd(
  identity: ProcessIdentity,
  outOfTouch: Promise<unknown>,
  detached: AbortSignal,
): Promise<ExitStatus | undefined> {
  await outOfTouch;
  while (!detached.aborted && isAlive(identity)) {
    await waitForExit(identity, lookEveryMs, detached).catch(() => {}); // looked at again
  }
  return readExitStatus(identity);
}
