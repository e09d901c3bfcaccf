import { Fault } from "@serai/kit/fault";
import { newId } from "@serai/kit/id";
import { stack, type LayerPin } from "@serai/model/volume-layers";
import type { Place } from "./place.ts";
import { tidy } from "./tidy.ts";

/** Gives a VM that does not run the disks of a snapshot; with its memory, the next launch goes on from there. */
export async function revertSnapshot(
  place: Place,
  { snapshot, pin, disks }: { snapshot: string; pin: LayerPin; disks: string[] },
  signal: AbortSignal,
): Promise<void> {
  const { state } = place.driver.sighting();
  if (state !== "absent" && state !== "suspended") {
    throw new Fault("vm.wrong_state", `The VM is ${state}: it must be stopped before it is reverted.`);
  }
  const [had, has] = [pin.disks.toSorted().join(", "), disks.toSorted().join(", ")];
  if (had !== has) {
    throw new Fault(
      "vm.wrong_state",
      `The snapshot has the disks ${had || "none"} and the VM has ${has || "none"}: change the VM's first.`,
    );
  }
  // Memory that belongs to the disks as they are now must be gone before they change.
  await place.driver.discardSuspend(signal);
  const layout = place.layout();
  const layer = newId("layer");
  place.files.create(layout, { id: layer, parent: pin.layer, disks });
  const { restore: _restore, ...stacked } = stack(layout, layer, pin.layer, disks);
  place.write(pin.memoryBytes > 0 ? { ...stacked, restore: snapshot } : stacked);
  await tidy(place, signal);
}
