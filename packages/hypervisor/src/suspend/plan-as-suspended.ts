import { Fault } from "@serai/kit/fault";
import type { LaunchPlan } from "../launch-plan.ts";

/** The hardware as it was; the files behind it as they are now: a snapshot or a revert may have put layers on them. */
export function planAsSuspended(then: LaunchPlan, now: LaunchPlan): LaunchPlan {
  const { generation, resetCount } = now;
  const disks = then.disks.map((disk) => {
    const { path: file, format } = now.disks.find(({ name }) => name === disk.name) ?? disk;
    return { ...disk, path: file, format };
  });
  return { ...then, generation, resetCount, disks };
}

/** Saved memory is of use only under the accelerator that it was saved under. */
export const otherAccelerator = (accelerator: string): Fault =>
  new Fault(
    "host.unsafe_combination",
    `The VM was suspended under ${accelerator}, which this host does not use now; start it there, or discard the saved memory.`,
  );
