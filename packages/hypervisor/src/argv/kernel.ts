import type { LaunchPlan } from "../launch-plan.ts";

/** Direct boot. QEMU takes these three values as they are, commas included. */
export function kernelArgv({ path, initrdPath, cmdline }: NonNullable<LaunchPlan["kernel"]>): string[] {
  return [
    "-kernel",
    path,
    ...(initrdPath === undefined ? [] : ["-initrd", initrdPath]),
    ...(cmdline === "" ? [] : ["-append", cmdline]),
  ];
}
