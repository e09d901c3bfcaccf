import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { layerFile } from "@serai/model/volume-layers";
import { readLayout } from "@serai/storage/layers/layout-record";
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
  };
}
