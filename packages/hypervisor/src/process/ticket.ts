import { rmSync, writeFileSync } from "node:fs";
import type { ProcessIdentity } from "@serai/linux/process-identity";
import { findProcessByToken } from "./find-by-token.ts";

/**
 * Between fork and exec a child looks like its parent, so nobody can find it by its arguments. A daemon that dies at
 * that moment leaves a child that becomes a QEMU later, when the next daemon has looked for it in vain. Therefore
 * each launch has a ticket, a file that the child looks for once its arguments can be seen. Who takes the ticket away
 * and then looks again has either found the child, or it will never start.
 */
export function giveTicket(file: string): void {
  writeFileSync(file, "", { mode: 0o600 });
}

/** Finds the launch's process, or makes sure that there never will be one. */
export function takeTicket(file: string, token: string): ProcessIdentity | undefined {
  const found = findProcessByToken(token);
  if (found !== undefined) return found;
  rmSync(file, { force: true });
  return findProcessByToken(token);
}
