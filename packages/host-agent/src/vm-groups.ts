import type { VmDriverConfig } from "@serai/hypervisor/vm-driver";
import { cgroupProcsFiles, createCgroup, readCgroup, removeCgroup } from "@serai/linux/cgroup";
import { openCgroups } from "@serai/linux/cgroup-layout";

const MiB = 1024 * 1024;
/** Threads for CPUs, requests and timers, and the processes beside QEMU: far more than any honest VM has. */
const mostTasks = 512;

/** The kernel's resource groups, one per VM: what a VM may use at most, whatever its QEMU does. */
export type VmGroups = {
  /** For the driver; undefined where there are no groups. */
  of(vm: string, accelerator: "kvm" | "tcg"): VmDriverConfig["cgroup"];
  remove(vm: string, signal: AbortSignal): Promise<void>;
  /** Undefined: every VM has its group. Else why not, for people. */
  readonly missing: string | undefined;
};

export function openVmGroups(): VmGroups {
  const found = openCgroups();
  if (!found.isSupported) {
    return { of: () => undefined, remove: async () => {}, missing: found.reason };
  }
  // In a group of its own for CPU, without a weight, all VMs together would get what one other process gets.
  const { memory, pids } = found.folders;
  const cgroups = { ...found, folders: { ...(memory && { memory }), ...(pids && { pids }) } };
  const lacks = (["memory", "pids"] as const).filter(
    (controller) => cgroups.folders[controller] === undefined,
  );
  return {
    of: (vm, accelerator) => ({
      prepare: ({ spec }) => {
        const memoryMaxBytes = mostMemory(spec.memoryBytes, accelerator);
        createCgroup(cgroups, vm, { memoryMaxBytes, pidsMax: mostTasks });
      },
      procsFiles: () => cgroupProcsFiles(cgroups, vm),
      oomKills: () => readCgroup(cgroups, vm)?.oomKills,
    }),
    remove: (vm, signal) => removeCgroup(cgroups, vm, signal),
    missing: lacks.length === 0 ? undefined : `the kernel offers no ${lacks.join(" and ")} controller`,
  };
}

/**
 * What QEMU may need for a guest of this size: its RAM, devices and their caches, page tables, and under TCG up to a
 * gigabyte of translated code. Too little would end guests that did nothing wrong.
 */
export function mostMemory(guestBytes: number, accelerator: "kvm" | "tcg"): number {
  return guestBytes + Math.ceil(guestBytes / 16) + (accelerator === "tcg" ? 1024 : 0) * MiB + 256 * MiB;
}
