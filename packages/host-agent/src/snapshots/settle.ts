import { readBlockNodes } from "@serai/hypervisor/snapshot/block-nodes";
import { clearCapabilities, thaw } from "@serai/hypervisor/snapshot/take-live-snapshot";
import { Fault } from "@serai/kit/fault";
import { ownFile, type VolumeLayout } from "@serai/model/volume-layers";
import type { Place } from "./place.ts";

/**
 * Undoes what an interrupted snapshot left: the guest runs again as it did, and the record says where it writes.
 * Safe at any time; does nothing when nothing was interrupted.
 */
export async function settle(place: Place, signal: AbortSignal): Promise<void> {
  const { driver, files } = place;
  const { pending, ...layout } = place.layout();
  if (pending !== undefined) {
    const { state } = driver.sighting();
    if (state === "unknown" || state === "starting") {
      throw new Fault("vm.wrong_state", "The VM's process does not answer yet; try again in a moment.");
    }
    const live = driver.live();
    place.write(
      live === undefined
        ? layout
        : await settleLive({ place, layout, wasRunning: pending.wasRunning }, signal),
    );
  }
  const known = place.layout();
  for (const snapshot of place.memories()) if (!(snapshot in known.pins)) place.forgetMemory(snapshot);
  files.sweep(known);
}

type Unsettled = { place: Place; layout: VolumeLayout; wasRunning: boolean };

async function settleLive(
  { place, layout, wasRunning }: Unsettled,
  signal: AbortSignal,
): Promise<VolumeLayout> {
  const live = place.driver.live();
  if (live === undefined) return layout;
  const { session } = live;
  await session.execute("migrate_cancel", {}, {}, signal);
  await clearCapabilities(live, signal);
  await thaw(live, signal);
  const { active, layers } = layout;
  const layer = layers[active];
  const overlays = (layer?.disks ?? []).map((disk) => ownFile(active, disk));
  const nodes = await readBlockNodes(session, signal);
  const isStacked = overlays.every((file) => nodes.active.has(file));
  if (!isStacked) {
    for (const file of overlays) {
      const node = nodes.byFile.get(file);
      if (node !== undefined) await session.execute("blockdev-del", { "node-name": node }, {}, signal);
    }
  }
  if (wasRunning && live.status !== "running") await live.continue(signal);
  if (isStacked || layer?.parent === undefined) return layout;
  const { [active]: _gone, ...rest } = layers;
  return { ...layout, active: layer.parent, layers: rest };
}
