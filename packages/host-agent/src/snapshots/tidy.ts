import { mergeLiveLayer } from "@serai/hypervisor/snapshot/merge-live-layer";
import {
  baseLayer,
  layerFile,
  lineOf,
  nextTidying,
  ownFile,
  tidied,
  type Tidying,
  type VolumeLayout,
} from "@serai/model/volume-layers";
import type { Place } from "./place.ts";

/** Merges and removes the layers that no snapshot needs any more, one after another. Interrupted, it goes on next time. */
export async function tidy(place: Place, signal: AbortSignal): Promise<void> {
  for (;;) {
    removeDoomed(place);
    const layout = place.layout();
    const step = nextTidying(layout, (layer) => place.files.isShared(ownFiles(layout, layer)));
    if (step === undefined) return;
    const doomed = ownFiles(layout, step.layer);
    if (step.do === "merge") {
      for (const disk of mergedDisks(layout, step)) await merge(place, { layout, step, disk }, signal);
    }
    place.write({ ...tidied(layout, step), doomed });
  }
}

function removeDoomed(place: Place): void {
  const { doomed, ...layout } = place.layout();
  if (doomed === undefined) return;
  place.files.remove(doomed);
  place.write(layout);
}

/** The files that only this layer has. */
function ownFiles(layout: VolumeLayout, layer: string): string[] {
  if (layer !== baseLayer) return (layout.layers[layer]?.disks ?? []).map((disk) => ownFile(layer, disk));
  const above = Object.entries(layout.layers).filter(([, { parent }]) => parent === baseLayer);
  return [...new Set(above.flatMap(([, { disks }]) => disks))].map((disk) => ownFile(baseLayer, disk));
}

function mergedDisks(layout: VolumeLayout, { layer, into }: Tidying & { do: "merge" }): string[] {
  const disks = layout.layers[into]?.disks ?? [];
  return disks.filter((disk) => layerFile(layout, layer, disk) === ownFile(layer, disk));
}

type Merging = { layout: VolumeLayout; step: Tidying & { do: "merge" }; disk: string };

async function merge(place: Place, { layout, step, disk }: Merging, signal: AbortSignal): Promise<void> {
  const { files, driver } = place;
  const into = ownFile(step.into, disk);
  const layer = ownFile(step.layer, disk);
  const base = files.below(layer);
  if (files.below(into)?.file !== layer) return; // done by an earlier try
  const isFrozen = step.into !== layout.active;
  const live = driver.live();
  if (isFrozen) files.thaw([into]);
  try {
    if (live !== undefined && lineOf(layout, layout.active).includes(step.layer)) {
      await mergeLiveLayer(
        live,
        { job: `merge-${step.into}-${disk}`.slice(0, 60), into, layer, base: base?.file },
        signal,
      );
    } else {
      await files.pullUp(into, base, signal);
    }
  } finally {
    if (isFrozen) files.freeze([into]);
  }
}
