import { takeLiveSnapshot } from "@serai/hypervisor/snapshot/take-live-snapshot";
import type { LaunchPlan } from "@serai/hypervisor/launch-plan";
import { Fault } from "@serai/kit/fault";
import { newId } from "@serai/kit/id";
import type { SnapshotRecord } from "@serai/model/snapshot";
import { layerFile, stack, type LayerPin, type VolumeLayout } from "@serai/model/volume-layers";
import type { Place } from "./place.ts";
import { settle } from "./settle.ts";
import { tidy } from "./tidy.ts";

export type CreateInput = {
  snapshot: SnapshotRecord;
  /** The disks that are the VM's own to write to. */
  disks: string[];
  now: () => string;
};

/** Takes a snapshot of a VM that is stopped, runs or is paused; nothing of it stays if that fails. */
export async function createSnapshot(place: Place, input: CreateInput, signal: AbortSignal): Promise<void> {
  const { snapshot, disks } = input;
  const before = place.layout();
  const layer = newId("layer");
  const live = place.driver.live();
  if (snapshot.hasMemory && live === undefined) {
    throw new Fault(
      "vm.wrong_state",
      "The VM does not run, so it has no memory to keep: take the snapshot without.",
    );
  }
  const below = disks.map((disk) => layerFile(before, before.active, disk));
  place.files.create(before, { id: layer, parent: before.active, disks });
  const stacked = stack(before, layer, before.active, disks);
  const pinned = (facts: Omit<LayerPin, "layer" | "disks" | "takenAt">): VolumeLayout => ({
    ...stacked,
    pins: { ...before.pins, [snapshot.id]: { layer: before.active, disks, takenAt: input.now(), ...facts } },
  });
  if (live === undefined) {
    place.write(pinned({ pauseMs: 0, isQuiesced: true, memoryBytes: 0 }));
  } else {
    place.write({ ...stacked, pending: { snapshot: snapshot.id, wasRunning: live.status === "running" } });
    try {
      place.write(pinned(await takeLive(place, { input, layer, below }, signal)));
    } catch (error) {
      await settle(place, AbortSignal.timeout(30_000));
      await tidy(place, signal);
      throw error;
    }
  }
  place.files.freeze(below);
}

type Taking = { input: CreateInput; layer: string; below: string[] };

async function takeLive(place: Place, { input, layer, below }: Taking, signal: AbortSignal) {
  const live = place.driver.live();
  if (live === undefined) throw new Fault("vm.wrong_state", "The VM ended while its snapshot was taken.");
  const { snapshot, disks } = input;
  const overlays = disks.map((disk, index) => ({
    below: below[index] as string,
    path: place.files.path(`${disk}.${layer}.qcow2`),
  }));
  const memoryFile = place.memoryFile(snapshot.id);
  if (snapshot.hasMemory) {
    const { plan, accelerator } = live.record;
    place.writeMemoryRecord(snapshot.id, { plan, accelerator });
  }
  const taken = await takeLiveSnapshot(
    live,
    {
      layer,
      overlays,
      ...(snapshot.hasMemory && { memoryFile }),
      prepareSocket: (path) => place.giveToQemu(path),
    },
    signal,
  );
  if (snapshot.hasMemory) place.syncMemory(snapshot.id);
  return { ...taken, memoryBytes: place.memoryBytes(snapshot.id) };
}

/** Disks with a volume of their own in this folder. */
export const ownDisks = (plan: LaunchPlan, folder: string): string[] =>
  plan.disks
    .filter(({ path, isReadOnly }) => !isReadOnly && path.startsWith(`${folder}/`))
    .map(({ name }) => name);
