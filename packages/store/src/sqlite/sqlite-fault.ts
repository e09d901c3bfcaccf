import { dirname } from "node:path";

import { Fault } from "@serai/kit/fault";

// Primary result codes: https://www.sqlite.org/rescode.html
const busy = 5;
const ioError = 10;
const corrupt = 11;
const full = 13;
const notADatabase = 26;
const readOnly = 8;
const cannotOpen = 14;
const permission = 3;

/** The primary SQLite result code of an error; undefined when it is not SQLite's. */
export function sqliteCode(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown } | undefined)?.errcode;
  return typeof code === "number" ? code & 0xff : undefined;
}

export function isBusy(error: unknown): boolean {
  return sqliteCode(error) === busy;
}

export function isFull(error: unknown): boolean {
  return sqliteCode(error) === full;
}

export function isCorrupt(error: unknown): boolean {
  const code = sqliteCode(error);
  return code === corrupt || code === notADatabase;
}

/** Says in one sentence what SQLite or the file system refused, and what to do. */
export function sqliteFault(error: unknown, path: string): Fault {
  if (error instanceof Fault) return error;
  const options = { cause: error, details: { path } };
  if (isCorrupt(error)) return corruptFault(path, error);
  const system = (error as NodeJS.ErrnoException).code;
  const code = sqliteCode(error);
  const unavailable = (message: string) => new Fault("store.unavailable", message, options);
  if (code === full || system === "ENOSPC" || system === "EDQUOT")
    return unavailable(`The disk that holds ${dirname(path)} is full; free some space and try again.`);
  if (
    code === readOnly ||
    code === permission ||
    system === "EROFS" ||
    system === "EACCES" ||
    system === "EPERM"
  )
    return unavailable(`The store ${path} cannot be written; check the owner and mode of its directory.`);
  if (code === cannotOpen || system === "ENOENT" || system === "ENOTDIR")
    return unavailable(
      `The store ${path} cannot be opened; check that its directory exists and may be written.`,
    );
  if (code === ioError)
    return unavailable(`The disk that holds ${path} reports an I/O error; check the disk.`);
  return unavailable(`The store ${path} failed; try again.`);
}

export function corruptFault(path: string, cause?: unknown): Fault {
  return new Fault(
    "store.corrupt",
    `The store ${path} is damaged; move it away and restore a copy, it was left untouched.`,
    { cause, details: { path } },
  );
}
