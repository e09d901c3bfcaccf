import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";

/*
 * QEMU owns the folder that this log is in, and a hostile guest may own QEMU: no link is followed.
 */

const previous = (file: string): string => `${file}.1`;

/** The end of the log; empty when there is none. */
export function readLogTail(file: string, limitBytes: number): Buffer {
  return withFile(file, constants.O_RDONLY, (fd) => readEnd(fd, limitBytes)) ?? Buffer.alloc(0);
}

/** Begins a new log and keeps the one before. */
export function startLog(file: string): void {
  rmSync(previous(file), { force: true });
  try {
    renameSync(file, previous(file));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

/**
 * Empties a log that grew beyond the limit, keeping its end beside it. QEMU writes on at the new end, because it
 * opened the file for appending. What it writes between our two steps is lost.
 */
export function trimLog(file: string, limitBytes: number): void {
  withFile(file, constants.O_RDWR, (fd) => {
    if (fstatSync(fd).size <= limitBytes) return;
    const end = readEnd(fd, Math.trunc(limitBytes / 4));
    rmSync(previous(file), { force: true });
    const kept = openSync(
      previous(file),
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    );
    try {
      writeSync(kept, end);
    } finally {
      closeSync(kept);
    }
    ftruncateSync(fd, 0);
  });
}

function withFile<T>(file: string, flags: number, work: (fd: number) => T): T | undefined {
  let fd: number;
  try {
    fd = openSync(file, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ELOOP" || code === "ENXIO") return undefined;
    throw error;
  }
  try {
    return fstatSync(fd).isFile() ? work(fd) : undefined;
  } finally {
    closeSync(fd);
  }
}

function readEnd(fd: number, limitBytes: number): Buffer {
  const { size } = fstatSync(fd);
  const buffer = Buffer.alloc(Math.min(size, limitBytes));
  return buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, size - buffer.length));
}
