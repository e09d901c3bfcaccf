import type { ProcessIdentity } from "@serai/linux/process-identity";
import type { VmExit, VmTrouble } from "@serai/model/vm";
import { rmSync } from "node:fs";
import { readJsonFile, writeJsonFile } from "./json-file.ts";
import type { LaunchPlan } from "./launch-plan.ts";
import type { VmDirectory } from "./vm-directory.ts";

/**
 * What must survive the daemon about the QEMU it started. Written before the process is made, so that there is never
 * a process that no record names.
 *
 *   launching ─► up      restoring ─► up
 */
export type RunRecord = {
  /** Random; in QEMU's arguments and in its answers. Finds the process when its pid was not yet written. */
  token: string;
  phase: "launching" | "restoring" | "up";
  plan: LaunchPlan;
  accelerator: "kvm" | "tcg";
  qemuVersion: string;
  bootId: string;
  /** QEMU's own; in a jail it is known once QEMU's monitor has answered. */
  process?: ProcessIdentity;
  /** What was started is QEMU's parent, not QEMU. */
  isJailed?: true;
  startedAt?: string;
  resetCount: number;
  /** The guest was asked to shut down. */
  isStopping?: true;
  /** We were about to end the process. */
  isKilling?: true;
  /** Memory is being saved; the guest goes on running if that does not finish. */
  isSuspending?: true;
  hasGuestShutDown?: true;
  trouble?: VmTrouble;
  /** Processes of this VM's group that the kernel had killed for want of memory before this run. */
  oomKillsBefore?: number;
};

export type ExitRecord = { token: string; exit: VmExit };

export function readRun(directory: VmDirectory): RunRecord | undefined {
  return readJsonFile(directory.run) as RunRecord | undefined;
}

export function writeRun(directory: VmDirectory, record: RunRecord): void {
  writeJsonFile(directory.run, record);
}

export function readExit(directory: VmDirectory): ExitRecord | undefined {
  return readJsonFile(directory.exit) as ExitRecord | undefined;
}

/** Ends the run in the records: the exit first, so that a crash in between loses nothing. */
export function writeExit(directory: VmDirectory, exit: ExitRecord): void {
  writeJsonFile(directory.exit, exit);
  forgetRun(directory, exit.token);
}

export function forgetRun(directory: VmDirectory, token: string): void {
  rmSync(directory.ticket(token), { force: true });
  rmSync(directory.run, { force: true });
}
