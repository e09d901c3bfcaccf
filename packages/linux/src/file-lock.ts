import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import process from "node:process";
import { poll } from "@serai/kit/deadline";
import { Fault } from "@serai/kit/fault";
import { errnoName, libc } from "./libc.ts";

/** A lock that dies with its holder's process, however that ends. The file stays; only the lock goes. */
export type FileLock = Disposable & { readonly path: string };

const lockExclusiveNonBlocking = 2 | 4;

/** Takes the lock at once; undefined when another process (or another call in this one) holds it. */
export function tryLockFile(path: string): FileLock | undefined {
  // Node opens files close-on-exec, so that children do not keep the lock alive.
  const fd = openSync(path, "a+", 0o600);
  const flock = libc().load("int flock(int fd, int operation)");
  if (flock(fd, lockExclusiveNonBlocking) === 0) return holdLock(fd, path);
  const errno = errnoName();
  closeSync(fd);
  if (errno === "EAGAIN") return undefined;
  throw new Fault("linux.refused", `${path} cannot be locked (${errno}); use a local file system.`, {
    details: { path, errno },
  });
}

/** Waits for the lock. When time is up the fault names the holder. */
export async function lockFile(path: string, timeoutMs: number, signal: AbortSignal): Promise<FileLock> {
  const first = tryLockFile(path);
  if (first !== undefined) return first;
  const holder = readLockHolder(path);
  const message = `${path} is locked by ${holder === undefined ? "another process" : `process ${holder}`}; end that one first.`;
  return poll({ ms: timeoutMs, everyMs: 20, code: "file.locked", message }, signal, () => tryLockFile(path));
}

/** The pid that the latest holder wrote. For messages only: the holder may be gone, or in another pid namespace. */
export function readLockHolder(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, "utf8").trim());
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined; // no file, no holder
  }
}

function holdLock(fd: number, path: string): FileLock {
  ftruncateSync(fd);
  writeSync(fd, `${process.pid}\n`);
  let isHeld = true;
  return {
    path,
    [Symbol.dispose]() {
      if (isHeld) closeSync(fd);
      isHeld = false;
    },
  };
}
