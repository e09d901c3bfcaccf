import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { Fault } from "@serai/kit/fault";
import { layerFile } from "@serai/model/volume-layers";
import { readLayout } from "@serai/storage/layers/layout-record";
import { growVolumeFile } from "@serai/storage/volume-file";
import type { Pool } from "@serai/storage/pool";
import { layoutFile } from "./place.ts";

/** A pool whose volumes are found where the guest writes now: in the active layer of those that snapshots made. */
export function layeredPool(pool: Pool, vmsDirectory: string): Pool {
  const locate = (vm: string, disk: string) => {
    const { path, format } = pool.locate(vm, disk);
    const layout = readLayout(layoutFile(vmsDirectory, vm));
    return { path: join(dirname(path), layerFile(layout, layout.active, disk)), format };
  };
  return {
    ...pool,
    locate,
    async createVolume(wish, signal) {
      const present = locate(wish.vm, wish.disk);
      return existsSync(present.path) ? present : pool.createVolume(wish, signal);
    },
    async attach(vm, disk) {
      const location = locate(vm, disk);
      if (existsSync(location.path)) return location;
      throw new Fault("volume.not_found", `Pool ${pool.name} has no volume ${disk} of ${vm}.`);
    },
    growVolume: (vm, disk, sizeBytes, signal) => growVolumeFile(locate(vm, disk).path, sizeBytes, signal),
  };
}
