import { readFileSync } from "node:fs";

/** The pid of a process's parent; undefined when there is no such process. */
export function parentOf(pid: number): number | undefined {
  const found = /^PPid:\t(\d+)$/m.exec(readStatus(pid))?.[1];
  return found === undefined ? undefined : Number(found);
}

/** How many process namespaces below ours it is in. */
export function nestingOf(pid: number): number {
  const pids = /^NSpid:\t(.*)$/m.exec(readStatus(pid))?.[1] ?? "";
  return Math.max(0, pids.split("\t").length - 1);
}

function readStatus(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, "latin1");
  } catch {
    return ""; // it went
  }
}
