import { closeSync, constants, openSync, statfsSync, writeFileSync } from "node:fs";
import process from "node:process";
import { Fault } from "@serai/kit/fault";
import { errnoName, libc } from "./libc.ts";

const cloneNewNet = 0x40000000;
const msBind = 4096;
const detachAtOnce = 2;
const nsfsMagic = 0x6e736673;
const ownNamespace = "/proc/thread-self/ns/net";

/** An open network namespace. Holding it keeps the namespace alive. */
export type NetNamespace = Disposable & { readonly fd: number };

/**
 * Makes a network namespace and pins it to `file`, where it lives until {@link unpinNetNamespace}, whoever dies.
 * An older pin is replaced. Without a file it lives as long as somebody holds it or is in it.
 */
export function createNetNamespace(file?: string): NetNamespace {
  if (file !== undefined) {
    unpinNetNamespace(file);
    writeFileSync(file, "", { mode: 0o600 });
  }
  return elsewhere(
    () => call("int unshare(int flags)", "a network namespace cannot be made", cloneNewNet),
    () => {
      const mount =
        "int mount(const char *source, const char *target, const char *type, ulong flags, void *data)";
      const problem = `a network namespace cannot be pinned to ${file}`;
      if (file !== undefined) call(mount, problem, ownNamespace, file, null, msBind, null);
      return hold(openSync(ownNamespace, constants.O_RDONLY));
    },
  );
}

/** Opens a pinned namespace; undefined when the file is not there or pins nothing. */
export function openNetNamespace(file: string): NetNamespace | undefined {
  if (!isPinned(file)) return undefined;
  return hold(openSync(file, constants.O_RDONLY));
}

/** The namespace that this thread is in. */
export function currentNetNamespace(): NetNamespace {
  return hold(openSync(ownNamespace, constants.O_RDONLY));
}

/** Unpins every namespace that is pinned to the file. Idempotent. One that nobody uses ends. */
export function unpinNetNamespace(file: string): void {
  const unmount = libc().load("int umount2(const char *target, int flags)");
  while (isPinned(file)) {
    if (unmount(file, detachAtOnce) !== 0) refuse(`the network namespace at ${file} cannot be unpinned`);
  }
}

/**
 * Calls `work` with this thread inside the namespace, and returns to where it was. `work` must be synchronous: sockets
 * opened, processes spawned and files of /proc/sys/net touched in it belong to the namespace; what runs later does not.
 */
export function inNetNamespace<T>(namespace: NetNamespace, work: () => T): T {
  return elsewhere(
    () =>
      call("int setns(int fd, int kind)", "a network namespace cannot be entered", namespace.fd, cloneNewNet),
    work,
  );
}

function elsewhere<T>(leave: () => void, work: () => T): T {
  const home = openSync(ownNamespace, constants.O_RDONLY);
  try {
    leave();
    return work();
  } finally {
    // A process whose main thread is stuck in a guest's network would serve its API there: rather none at all.
    if (libc().load("int setns(int fd, int kind)")(home, cloneNewNet) !== 0) process.abort();
    closeSync(home);
  }
}

function isPinned(file: string): boolean {
  try {
    return statfsSync(file).type === nsfsMagic;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

function hold(fd: number): NetNamespace {
  let isOpen = true;
  return {
    fd,
    [Symbol.dispose]() {
      if (isOpen) closeSync(fd);
      isOpen = false;
    },
  };
}

function call(signature: string, problem: string, ...args: unknown[]): void {
  if (libc().load(signature)(...args) !== 0) refuse(problem);
}

function refuse(problem: string): never {
  const errno = errnoName();
  throw new Fault("linux.refused", `The kernel refused: ${problem} (${errno}).`, { details: { errno } });
}
