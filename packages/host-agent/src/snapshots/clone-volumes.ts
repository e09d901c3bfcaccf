import { mkdirSync } from "node:fs";
import { Fault } from "@serai/kit/fault";
import { newId } from "@serai/kit/id";
import { layerFile, lineOf, stack, type VolumeLayout } from "@serai/model/volume-layers";
import type { CloneOrigin } from "@serai/model/vm";
import type { Owner, Place } from "./place.ts";
import { settle } from "./settle.ts";

export type CloneInput = {
  origin: CloneOrigin;
  from: Place;
  to: Place;
  /** The clone's folder of volumes, and whose it is. */
  folder: string;
  owner: Owner | undefined;
  /** The disks that the origin writes to. */
  disks: string[];
};

/** Gives a new VM its disks: as layers on those of its origin, or as copies. Safe to repeat. */
export async function cloneVolumes(input: CloneInput, signal: AbortSignal): Promise<void> {
  const { origin, from } = input;
  await settle(from, signal);
  const layer = layerToClone(input);
  mkdirSync(input.folder, { recursive: true, mode: 0o700 });
  if (origin.kind === "linked") link(input, layer);
  else await copy(input, layer, signal);
}

function layerToClone({ origin, from, disks }: CloneInput): string {
  const layout = from.layout();
  if (origin.snapshot !== undefined) {
    const pin = layout.pins[origin.snapshot];
    if (pin === undefined)
      throw new Fault("snapshot.not_found", "The snapshot to clone is gone: clone another one.");
    return pin.layer;
  }
  if (from.driver.live() !== undefined || from.driver.sighting().state !== "absent") {
    throw new Fault(
      "vm.wrong_state",
      "The VM to clone was started meanwhile: stop it, or clone one of its snapshots.",
    );
  }
  return origin.kind === "full" ? layout.active : putAway(from, layout, disks);
}

/** What the origin holds now becomes a layer that nobody writes to; the origin goes on in a new one. */
function putAway(from: Place, layout: VolumeLayout, disks: string[]): string {
  const { active } = layout;
  const parent = layout.layers[active]?.parent;
  const files = disks.map((disk) => layerFile(layout, active, disk));
  // Cloned before and not used since: what is below is the same.
  if (parent !== undefined && files.every((file) => from.files.isBlank(file))) return parent;
  const layer = newId("layer");
  from.files.create(layout, { id: layer, parent: active, disks });
  from.write(stack(layout, layer, active, disks));
  from.files.freeze(files);
  return active;
}

function link({ from, to, folder, disks }: CloneInput, layer: string): void {
  const layout = from.layout();
  for (const disk of disks) {
    // Down to what is no layer of ours: an image, or nothing.
    for (let file: string | undefined = layerFile(layout, layer, disk); file !== undefined;) {
      from.files.lend(file, folder);
      const below: string | undefined = from.files.below(file)?.file;
      file = below?.includes("/") === true ? undefined : below;
    }
  }
  const line = lineOf(layout, layer);
  const layers = Object.fromEntries(line.map((id) => [id, layout.layers[id] ?? { disks: [] }]));
  const inherited: VolumeLayout = { active: layer, layers, pins: {} };
  const own = newId("layer");
  to.files.sweep(inherited);
  to.files.create(inherited, { id: own, parent: layer, disks });
  to.write(stack(inherited, own, layer, disks));
}

async function copy(
  { from, owner, folder, disks }: CloneInput,
  layer: string,
  signal: AbortSignal,
): Promise<void> {
  const layout = from.layout();
  for (const disk of disks) {
    await from.files.copyOut(layerFile(layout, layer, disk), `${folder}/${disk}.qcow2`, owner, signal);
  }
}
