import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** systemd's UIDS-GIDS document lists 1879048192 to 2147483647 as unused by anybody. */
const firstUid = 1_900_000_000;

export type VmUsers = {
  /** The user of a VM, the same for as long as the VM has a directory; undefined where all share the daemon's. */
  of(vm: string): number | undefined;
  forget(vm: string): void;
};

/** One unprivileged user id per VM. The owners of the volume directories are the record of who has which. */
export async function openVmUsers(volumesDirectory: string, isPrivileged: boolean): Promise<VmUsers> {
  const byVm = new Map<string, number>();
  if (!isPrivileged) return { of: () => undefined, forget: () => {} };
  for (const vm of await readdir(volumesDirectory)) {
    const { uid } = await stat(join(volumesDirectory, vm));
    if (uid >= firstUid) byVm.set(vm, uid);
  }
  const taken = new Set(byVm.values());
  let next = firstUid;
  return {
    of(vm) {
      const known = byVm.get(vm);
      if (known !== undefined) return known;
      while (taken.has(next)) next++;
      byVm.set(vm, next);
      taken.add(next);
      return next;
    },
    forget(vm) {
      const uid = byVm.get(vm);
      if (uid === undefined) return;
      byVm.delete(vm);
      taken.delete(uid);
      next = Math.min(next, uid);
    },
  };
}
