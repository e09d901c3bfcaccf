import { chmod, chown, mkdir, readdir, rename, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "@serai/kit/fault";
import type { Pool, VolumeWish } from "../pool.ts";
import { runTool } from "../run-tool.ts";

/** Left free on the medium, so that thin volumes of running guests can grow a little. */
const marginBytes = 256 * 1024 * 1024;

const qcow2Options = "cluster_size=128k,extended_l2=on,lazy_refcounts=on";

/**
 * A pool that is a directory of qcow2 files: `<directory>/<vm>/<disk>.qcow2`, the VM's directory and files
 * owned by the VM's user. Names are ids and device names, which the model restricts to safe characters.
 */
export function directoryPool(name: string, directory: string): Pool {
  const folder = (vm: string) => join(directory, vm);
  const locate = (vm: string, disk: string) => ({ path: join(folder(vm), `${disk}.qcow2`), format: "qcow2" as const });

  const space = async () => {
    const { bsize, blocks, bavail } = await statfs(directory);
    return { capacityBytes: bsize * blocks, availableBytes: bsize * bavail };
  };

  return {
    name,
    can: { linkedVolumes: true },
    space,
    locate,

    async createVolume(wish, signal) {
      const { path } = locate(wish.vm, wish.disk);
      await mkdir(folder(wish.vm), { recursive: true, mode: 0o700 });
      if (wish.owner !== undefined) await chown(folder(wish.vm), wish.owner.uid, wish.owner.gid);
      if (await exists(path)) return locate(wish.vm, wish.disk);
      const { availableBytes } = await space();
      if (availableBytes < marginBytes) {
        throw new Fault(
          "pool.full",
          `Pool ${name} has ${mib(availableBytes)} MiB left and keeps ${mib(marginBytes)} MiB free; delete volumes or images, or enlarge it.`,
          { details: { pool: name, availableBytes, marginBytes } },
        );
      }
      // One name per disk, so that what a crash left behind is replaced, not added to.
      const temporary = join(folder(wish.vm), `${wish.disk}.part`);
      await rm(temporary, { force: true });
      try {
        await create(temporary, wish, signal);
        if (wish.owner !== undefined) await chown(temporary, wish.owner.uid, wish.owner.gid);
        await chmod(temporary, 0o600);
        await rename(temporary, path);
      } finally {
        await rm(temporary, { force: true });
      }
      return locate(wish.vm, wish.disk);
    },

    async removeVolumes(vm) {
      await rm(folder(vm), { recursive: true, force: true });
    },

    async owners() {
      return readdir(directory);
    },
  };
}

async function create(path: string, wish: VolumeWish, signal: AbortSignal): Promise<void> {
  const backing = wish.base === undefined ? [] : ["-b", wish.base.path, "-F", wish.base.format];
  const result = await runTool(
    ["qemu-img", "create", "-q", "-f", "qcow2", "-o", qcow2Options, ...backing, path, String(wish.sizeBytes)],
    { deadlineMs: 30_000 },
    signal,
  );
  if (result.exitCode !== 0) {
    throw new Fault("pool.full", `Volume ${wish.disk} could not be created: ${result.stderr.trim() || "no reason given"}.`);
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

const mib = (bytes: number): number => Math.floor(bytes / 1024 / 1024);
