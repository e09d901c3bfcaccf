import { chmod, readdir, rename, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import type { NbdLocation, Pool } from "../pool.ts";
import { checkRoom, createVolumeFile, exists, growVolumeFile, sizeOfVolumeFile } from "../volume-file.ts";
import type { NbdServer } from "./nbd-server.ts";

export type NbdPoolOptions = {
  name: string;
  /** Where the server's machine keeps the volumes: `<vm>.<disk>.qcow2`. */
  directory: string;
  /** The id of the host that this pool is seen from. */
  host: string;
  server: NbdServer;
};

/**
 * Storage that several hosts share: qcow2 files behind one qemu-storage-daemon, each exported to the one host that
 * may write to it. A host that must not write any more is fenced at the server, whether it answers or not.
 */
export function nbdPool({ name, directory, host, server }: NbdPoolOptions): Pool<NbdLocation> {
  const pathOf = (vm: string, disk: string) => join(directory, `${vm}.${disk}.qcow2`);
  const locate = (vm: string, disk: string): NbdLocation => ({
    nbd: { socketPath: server.socketPath, exportName: `${host}.${vm}.${disk}` },
    format: "raw",
  });

  const space = async () => {
    const { bsize, blocks, bavail } = await statfs(directory);
    return { capacityBytes: bsize * blocks, availableBytes: bsize * bavail };
  };

  const disksOf = async (vm: string): Promise<string[]> =>
    (await readdir(directory)).flatMap((file) => {
      const [owner, disk, ending] = file.split(".");
      return owner === vm && disk !== undefined && ending !== undefined ? [disk] : [];
    });

  return {
    name,
    can: { linkedVolumes: false, fencing: true },
    space,
    locate,

    async createVolume(wish, signal) {
      const path = pathOf(wish.vm, wish.disk);
      if (await exists(path)) return locate(wish.vm, wish.disk);
      checkRoom(name, (await space()).availableBytes);
      const temporary = join(directory, `${wish.vm}.${wish.disk}.part`);
      await rm(temporary, { force: true });
      try {
        // The image is this host's; the volume must be readable from the others, too.
        await createVolumeFile(temporary, wish, "copied", signal);
        await chmod(temporary, 0o600);
        await rename(temporary, path);
      } finally {
        await rm(temporary, { force: true });
      }
      return locate(wish.vm, wish.disk);
    },

    async attach(vm, disk, signal) {
      const path = pathOf(vm, disk);
      await sizeOfVolumeFile(path);
      await server.exportTo({ host, vm, disk, path }, signal);
      return locate(vm, disk);
    },

    detach: (vm, disk, signal) => server.withdraw({ host, vm, disk }, signal),

    growVolume: (vm, disk, sizeBytes, signal) => growVolumeFile(pathOf(vm, disk), sizeBytes, signal),

    async removeVolumes(vm, signal) {
      for (const { host: holder, vm: owner, disk } of await server.exports(signal)) {
        if (owner === vm) await server.withdraw({ host: holder, vm, disk }, signal);
      }
      for (const disk of await disksOf(vm)) {
        for (const ending of ["qcow2", "part"])
          await rm(join(directory, `${vm}.${disk}.${ending}`), { force: true });
      }
    },

    async owners() {
      return [...new Set((await readdir(directory)).map((file) => file.split(".")[0] ?? ""))];
    },
  };
}
