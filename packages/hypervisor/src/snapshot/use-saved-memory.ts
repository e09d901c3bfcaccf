import { linkSync, rmSync } from "node:fs";
import type { LaunchPlan } from "../launch-plan.ts";
import { commitSuspended, discardSuspended, suspendFile } from "../suspend/suspended-state.ts";
import { vmDirectory } from "../vm-directory.ts";

export type SavedMemory = {
  /** Kept as it is: the suspended state is another name for it. */
  file: string;
  /** The hardware at that time, with the disks as they are now. */
  plan: LaunchPlan;
  accelerator: "kvm" | "tcg";
};

/** Makes a VM that does not run one that is suspended with this memory: its next launch goes on from there. */
export function useSavedMemory(root: string, { file, plan, accelerator }: SavedMemory): void {
  const directory = vmDirectory(root);
  discardSuspended(directory);
  const part = suspendFile(directory);
  rmSync(part, { force: true });
  linkSync(file, part);
  commitSuspended(directory, { token: "", plan, accelerator, suspendedAt: new Date().toISOString() });
}
