/**
 * How a VM's disks are layered. One layer is one file per disk; the guest writes to the active layer only, and every
 * layer shows what its ancestors hold where it holds nothing itself. A snapshot pins the layer that was active when
 * it was taken.
 *
 *   base ◄── layer-a ◄── layer-b (active)
 *    ▲ pinned by "before-upgrade"
 *    └────── layer-c (left by a revert)
 */
export type VolumeLayer = {
  parent?: string;
  /** Disks that have a file of their own in this layer. The base layer's are not listed: it has all that no layer has. */
  disks: string[];
};

export type LayerPin = {
  layer: string;
  disks: string[];
  takenAt: string;
  pauseMs: number;
  isQuiesced: boolean;
  memoryBytes: number;
};

export type VolumeLayout = {
  active: string;
  layers: Record<string, VolumeLayer>;
  /** By snapshot. */
  pins: Record<string, LayerPin>;
  /**
   * A snapshot of a running guest was begun: it writes to the active layer or still to the parent of it. What the
   * active layer shows is right in both cases.
   */
  pending?: { snapshot: string; wasRunning: boolean };
  /** Files that nothing needs any more; forgotten once they are gone. */
  doomed?: string[];
  /** The next launch goes on with the memory of this snapshot. */
  restore?: string;
};

export const baseLayer = "base";

export const freshLayout: VolumeLayout = {
  active: baseLayer,
  layers: { [baseLayer]: { disks: [] } },
  pins: {},
};

/** The file name of a disk as one layer shows it: its own, or that of the nearest ancestor that has one. */
export function layerFile(layout: VolumeLayout, layer: string, disk: string): string {
  for (let at: string | undefined = layer; at !== undefined; at = layout.layers[at]?.parent) {
    if (layout.layers[at]?.disks.includes(disk) === true) return ownFile(at, disk);
  }
  return ownFile(baseLayer, disk);
}

export const ownFile = (layer: string, disk: string): string =>
  layer === baseLayer ? `${disk}.qcow2` : `${disk}.${layer}.qcow2`;

export function childrenOf(layout: VolumeLayout, layer: string): string[] {
  return Object.keys(layout.layers).filter((id) => layout.layers[id]?.parent === layer);
}

/** The layers from this one down to the root. */
export function lineOf(layout: VolumeLayout, layer: string): string[] {
  const line: string[] = [];
  for (let at: string | undefined = layer; at !== undefined; at = layout.layers[at]?.parent) line.push(at);
  return line;
}

const isPinned = (layout: VolumeLayout, layer: string): boolean =>
  Object.values(layout.pins).some((pin) => pin.layer === layer);

/** The snapshot that this layer came from: the nearest pinned ancestor. */
export function snapshotBelow(layout: VolumeLayout, layer: string): string | undefined {
  for (const at of lineOf(layout, layer).slice(1)) {
    const found = Object.entries(layout.pins).find(([, pin]) => pin.layer === at);
    if (found !== undefined) return found[0];
  }
  return undefined;
}

/** A new active layer on top of `parent`. */
export function stack(layout: VolumeLayout, layer: string, parent: string, disks: string[]): VolumeLayout {
  return { ...layout, active: layer, layers: { ...layout.layers, [layer]: { parent, disks } } };
}

export type Tidying = { do: "remove"; layer: string } | { do: "merge"; layer: string; into: string };

/**
 * The next thing to do about layers that nothing needs any more; undefined when all is tidy. `isShared` tells of
 * layers that another VM reads, too: their content must stay as it is.
 */
export function nextTidying(
  layout: VolumeLayout,
  isShared: (layer: string) => boolean = () => false,
): Tidying | undefined {
  if (layout.pending !== undefined) return undefined;
  for (const [layer, { disks }] of Object.entries(layout.layers)) {
    if (layer === layout.active || isPinned(layout, layer)) continue;
    const [into, another] = childrenOf(layout, layer);
    if (into === undefined) return { do: "remove", layer };
    if (another !== undefined) continue; // several histories read it
    const taken = layout.layers[into]?.disks ?? [];
    if (disks.every((disk) => taken.includes(disk)) && !isShared(layer) && !isShared(into))
      return { do: "merge", layer, into };
  }
  return undefined;
}

/** The layout after a tidying was carried out. */
export function tidied(layout: VolumeLayout, done: Tidying): VolumeLayout {
  const { [done.layer]: gone, ...layers } = layout.layers;
  if (done.do === "merge" && gone !== undefined) {
    const { parent: _parent, ...child } = layers[done.into] ?? { disks: [] };
    layers[done.into] = gone.parent === undefined ? child : { ...child, parent: gone.parent };
  }
  return { ...layout, layers };
}

/** True for a layer's file whose layer was never written down, or is gone. */
export function isOrphan(layout: VolumeLayout, file: string): boolean {
  const layer = /^[a-z][a-z0-9]*\.(layer-[0-9a-z]+)\.qcow2$/.exec(file)?.[1];
  return layer !== undefined && !(layer in layout.layers);
}
