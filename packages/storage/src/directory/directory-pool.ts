import { chmod, chown, mkdir, readdir, rename, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "@serai/kit/fault";
import type { Pool } from "../pool.ts";
import { checkRoom, createVolumeFile, exists, growVolumeFile } from "../volume-file.ts";

/**
 * A pool that is a directory of qcow2 files: `<directory>/<vm>/<disk>.qcow2`, the VM's directory and files
 * owned by the VM's user. Names are ids and device names, which the model restricts to safe characters.
 * QEMU's own lock on each file keeps a second writer out.
 */
export function directoryPool(name: string, directory: string): Pool {
  const folder = (vm: string) => join(directory, vm);
  const locate = (vm: string, disk: string) => ({
    path: join(folder(vm), `${disk}.qcow2`),
    format: "qcow2" as const,
  });

  const space = async () => {
    const { bsize, blocks, bavail } = await statfs(directory);
    return { capacityBytes: bsize * blocks, availableBytes: bsize * bavail };
  };

  return {
    name,
    can: { linkedVolumes: true, fencing: false },
    space,
    locate,

    async createVolume(wish, signal) {
      const { path } = locate(wish.vm, wish.disk);
      await mkdir(folder(wish.vm), { recursive: true, mode: 0o700 });
      if (wish.owner !== undefined) await chown(folder(wish.vm), wish.owner.uid, wish.owner.gid);
      if (await exists(path)) return locate(wish.vm, wish.disk);
      checkRoom(name, (await space()).availableBytes);
      // One name per disk, so that what a crash left behind is replaced, not added to.
      const temporary = join(folder(wish.vm), `${wish.disk}.part`);
      await rm(temporary, { force: true });
      try {
        await createVolumeFile(temporary, wish, "linked", signal);
        if (wish.owner !== undefined) await chown(temporary, wish.owner.uid, wish.owner.gid);
        await chmod(temporary, 0o600);
        await rename(temporary, path);
      } finally {
        await rm(temporary, { force: true });
      }
      return locate(wish.vm, wish.disk);
    },

    async attach(vm, disk) {
      const location = locate(vm, disk);
      if (await exists(location.path)) return location;
      throw new Fault("volume.not_found", `Pool ${name} has no volume ${disk} of ${vm}.`);
    },

    async detach() {
      // Whoever has the file open holds its lock, and lets go of it by ending.
    },

    growVolume: (vm, disk, sizeBytes, signal) => growVolumeFile(locate(vm, disk).path, sizeBytes, signal),

    async removeVolumes(vm) {
      await rm(folder(vm), { recursive: true, force: true });
    },

    async owners() {
      return readdir(directory);
    },
  };
}
