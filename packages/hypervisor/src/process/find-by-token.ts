import { readdirSync, readFileSync } from "node:fs";
import { identifyProcess, type ProcessIdentity } from "@serai/linux/process-identity";
import { nestingOf } from "./process-tree.ts";

/**
 * Finds the process that has this text in its arguments: one whose pid its daemon could not write down any more. Of
 * several it is the one furthest inside, because whoever jails a process has its arguments, too.
 */
export function findProcessByToken(token: string): ProcessIdentity | undefined {
  const pids = readdirSync("/proc")
    .filter((entry) => /^[0-9]+$/.test(entry) && Number(entry) !== process.pid)
    .filter((entry) => readArguments(entry).includes(token))
    .map(Number);
  const inner = pids.toSorted((a, b) => nestingOf(b) - nestingOf(a));
  return inner.map(identifyProcess).find((identity) => identity !== undefined);
}

function readArguments(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return ""; // it went meanwhile
  }
}
