import { Fault } from "@serai/kit/fault";

import type { Range, Txn, Write } from "./store.ts";

const maxKeyBytes = 1024;
const maxValueBytes = 1024 * 1024;
const maxWrites = 1024;
const maxLeaseMs = 2 ** 31 - 1;

/** Refuses what one of the adapters could not do, so that both refuse it alike. */
export function checkTxn(txn: Txn): void {
  if (txn.then.length > maxWrites)
    throw new Fault(
      "request.too_large",
      `A transaction holds at most ${maxWrites} writes; this one has ${txn.then.length}.`,
    );
  for (const compare of txn.when ?? []) checkKey(compare.key);
  const puts = new Set<string>();
  for (const write of txn.then) checkWrite(write, puts);
  for (const write of txn.then) if (!("put" in write)) checkDisjoint(write, puts);
}

/** Refuses a range that has no meaning. */
export function checkRange(range: Range): void {
  checkText(range.prefix, "prefix");
  if (range.after !== undefined) checkText(range.after, "page token");
  if (range.limit !== undefined && !(Number.isSafeInteger(range.limit) && range.limit > 0))
    throw malformed("The limit of a range must be a whole number above 0.");
}

/** Refuses a revision that cannot exist. */
export function checkRevision(revision: number): void {
  if (!Number.isSafeInteger(revision) || revision < 1)
    throw malformed("A revision must be a whole number above 0.");
}

/** Refuses a lease that timers cannot hold. */
export function checkTtl(ttlMs: number): void {
  if (!Number.isSafeInteger(ttlMs) || ttlMs < 1 || ttlMs > maxLeaseMs)
    throw malformed(`A lease must last a whole number of milliseconds from 1 to ${maxLeaseMs}.`);
}

/** Refuses a key that is empty, too long, or no text. */
export function checkKey(key: string): void {
  checkText(key, "key");
  if (key === "") throw malformed("A key must not be empty.");
  if (Buffer.byteLength(key) > maxKeyBytes)
    throw new Fault("request.too_large", `A key holds at most ${maxKeyBytes} bytes.`);
}

function checkWrite(write: Write, puts: Set<string>): void {
  if ("delete" in write) return checkKey(write.delete);
  if ("deletePrefix" in write) return checkText(write.deletePrefix, "prefix");
  checkKey(write.put);
  checkText(write.value, "value");
  if (Buffer.byteLength(write.value) > maxValueBytes)
    throw new Fault("request.too_large", `The value of ${write.put} is larger than ${maxValueBytes} bytes.`);
  if (puts.has(write.put)) throw twice(write.put);
  puts.add(write.put);
}

/** A key written twice in one revision would have no order; etcd refuses it too. */
function checkDisjoint(write: { delete: string } | { deletePrefix: string }, puts: Set<string>): void {
  if ("delete" in write) {
    if (puts.has(write.delete)) throw twice(write.delete);
    return;
  }
  for (const key of puts) if (key.startsWith(write.deletePrefix)) throw twice(key);
}

function checkText(text: string, what: string): void {
  if (!text.isWellFormed() || text.includes("\0"))
    throw malformed(`The ${what} must be Unicode text without NUL.`);
}

function twice(key: string): Fault {
  return malformed(`One transaction may write the key ${key} only once.`);
}

function malformed(message: string): Fault {
  return new Fault("request.malformed", message);
}
