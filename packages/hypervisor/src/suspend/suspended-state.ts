import { closeSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { readJsonFile, writeJsonFile } from "../json-file.ts";
import type { LaunchPlan } from "../launch-plan.ts";
import type { VmDirectory } from "../vm-directory.ts";

/**
 * A VM whose memory is in a file. This record is the commit: the memory counts while it is there, and only then.
 *
 *   running ── write memory, sync ──► record written ── quit ──► suspended
 *   suspended ── load memory ──► record used up ── cont ──► running ── memory deleted
 */
export type SuspendedState = {
  /** The run that was suspended. */
  token: string;
  /** The hardware at that time; a changed one could not read the memory. */
  plan: LaunchPlan;
  accelerator: "kvm" | "tcg";
  suspendedAt: string;
};

const usedUp = (directory: VmDirectory): string => `${directory.suspendedPlan}.used`;

/** The file to write memory to; it counts for nothing until {@link commitSuspended}. */
export const suspendFile = (directory: VmDirectory): string => `${directory.suspendedState}.part`;

export function readSuspended(directory: VmDirectory): SuspendedState | undefined {
  return readJsonFile(directory.suspendedPlan) as SuspendedState | undefined;
}

/** From here on the VM is suspended, whatever happens to us or to the machine. */
export function commitSuspended(directory: VmDirectory, state: SuspendedState): void {
  syncPath(suspendFile(directory));
  renameSync(suspendFile(directory), directory.suspendedState);
  syncPath(path.dirname(directory.suspendedState));
  writeJsonFile(directory.suspendedPlan, state);
  syncPath(directory.suspendedPlan);
  syncPath(path.dirname(directory.suspendedPlan));
}

/** Called before the restored guest runs: from then on its disks move on, and the memory must never be used again. */
export function useUpSuspended(directory: VmDirectory): void {
  renameSync(directory.suspendedPlan, usedUp(directory));
  syncPath(path.dirname(directory.suspendedPlan));
}

/** Takes {@link useUpSuspended} back; only for a guest that has not run one instruction. */
export function restoreSuspended(directory: VmDirectory): void {
  renameSync(usedUp(directory), directory.suspendedPlan);
}

/** Removes memory and records, finished or not. The record goes first. */
export function discardSuspended(directory: VmDirectory): void {
  const files = [
    directory.suspendedPlan,
    usedUp(directory),
    suspendFile(directory),
    directory.suspendedState,
  ];
  for (const file of files) rmSync(file, { force: true });
}

/** Removes what an interrupted suspend or a finished restore left, and nothing that counts. */
export function cleanSuspended(directory: VmDirectory): void {
  if (readSuspended(directory) === undefined) discardSuspended(directory);
  else for (const file of [usedUp(directory), suspendFile(directory)]) rmSync(file, { force: true });
}

function syncPath(file: string): void {
  const fd = openSync(file, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
