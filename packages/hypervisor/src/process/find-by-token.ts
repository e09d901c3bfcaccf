import { readdirSync, readFileSync } from "node:fs";
import { identifyProcess, type ProcessIdentity } from "@serai/linux/process-identity";

/** Finds the process that has this text in its arguments: one whose pid its daemon could not write down any more. */
export function findProcessByToken(token: string): ProcessIdentity | undefined {
  for (const entry of readdirSync("/proc")) {
    if (!/^[0-9]+$/.test(entry) || Number(entry) === process.pid) continue;
    if (readArguments(entry).includes(token)) return identifyProcess(Number(entry));
  }
  return undefined;
}

function readArguments(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return ""; // it went meanwhile
  }
}
