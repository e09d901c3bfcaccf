import { readFileSync } from "node:fs";
import { constants } from "node:os";
import type { ProcessIdentity } from "@serai/linux/process-identity";

/** How a process ended: one of the two. */
export type ExitStatus = { code: number | undefined; signal: string | undefined };

/** Reads the status that a corpse keeps until it is reaped; undefined when that has happened, or may not be read. */
export function readExitStatus({ pid, startTicks }: ProcessIdentity): ExitStatus | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined; // reaped
  }
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  if (Number(fields[19]) !== startTicks || fields[0] !== "Z") return undefined;
  const status = Number(fields[49]);
  const number = status & 0x7f;
  if (number === 0) return { code: status >> 8, signal: undefined };
  return { code: undefined, signal: nameOf(number) };
}

/** Bubblewrap ends as the program in it does; one that died of a signal gives 128 and the signal's number. */
export function statusOfJailed(code: number | null, signal: string | null): ExitStatus {
  if (code === null || code <= 128) return { code: code ?? undefined, signal: signal ?? undefined };
  return { code: undefined, signal: nameOf(code - 128) };
}

function nameOf(number: number): string {
  const name = Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
  return name ?? `signal ${number}`;
}
