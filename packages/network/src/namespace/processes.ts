import { readdirSync, statSync } from "node:fs";
import { fstatSync } from "node:fs";
import { currentNetNamespace, type NetNamespace } from "@serai/linux/net-namespace";
import {
  identifyProcess,
  killProcess,
  waitForExit,
  type ProcessIdentity,
} from "@serai/linux/process-identity";

const stopMs = 5_000;

/**
 * Ends every process in a network's namespace: whatever is there is ours, also what a daemon that was killed started
 * and could not write down. QEMU is never there.
 */
export async function endProcessesIn(namespace: NetNamespace, signal: AbortSignal): Promise<void> {
  using own = currentNetNamespace();
  const target = fstatSync(namespace.fd).ino;
  if (fstatSync(own.fd).ino === target) throw new Error("the host's own namespace is no network's");
  const found = readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name) && namespaceOf(name) === target);
  const identities = found.map((pid) => identifyProcess(Number(pid)));
  const alive = identities.filter((identity): identity is ProcessIdentity => identity !== undefined);
  for (const identity of alive) killProcess(identity, "SIGKILL");
  await Promise.all(alive.map((identity) => waitForExit(identity, stopMs, signal)));
}

function namespaceOf(pid: string): number | undefined {
  try {
    return statSync(`/proc/${pid}/ns/net`).ino;
  } catch {
    return undefined; // it ended while we looked
  }
}
