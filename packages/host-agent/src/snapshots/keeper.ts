import { existsSync } from "node:fs";
import { join } from "node:path";
import type { LaunchPlan } from "@serai/hypervisor/launch-plan";
import type { VmDriver } from "@serai/hypervisor/vm-driver";
import { Fault } from "@serai/kit/fault";
import type { SnapshotRecord, SnapshotReport, SnapshotVerb } from "@serai/model/snapshot";
import type { CloneOrigin } from "@serai/model/vm";
import { snapshotBelow } from "@serai/model/volume-layers";
import { cloneVolumes } from "./clone-volumes.ts";
import { createSnapshot, ownDisks } from "./create-snapshot.ts";
import { layoutFile, openPlace, type Owner, type Place } from "./place.ts";
import { revertSnapshot } from "./revert-snapshot.ts";
import { settle } from "./settle.ts";
import { tidy } from "./tidy.ts";

export type KeeperInput = {
  directories: { vms: string; volumes: string };
  owner: (vm: string) => Owner | undefined;
  now: () => string;
};

type Wish = { verb: SnapshotVerb; snapshot: SnapshotRecord; plan: LaunchPlan; driver: VmDriver };

export type CloneWish = {
  origin: CloneOrigin;
  vm: string;
  driver: VmDriver;
  /** The origin's. */
  from: { plan: LaunchPlan; driver: VmDriver };
};

/** The snapshots of this host's VMs. Calls for one VM take turns, which is the caller's to see to. */
export type SnapshotKeeper = {
  /** Takes the step and tells what the snapshot is; safe to repeat. */
  act(wish: Wish, signal: AbortSignal): Promise<SnapshotReport>;
  /** Undoes what an earlier daemon left half-done. */
  recover(driver: VmDriver, vm: string, signal: AbortSignal): Promise<void>;
  /** Gives a clone its disks, before it is provisioned for the first time. */
  clone(wish: CloneWish, signal: AbortSignal): Promise<void>;
  /** Called before each launch: a revert may have left memory to go on from. */
  beforeLaunch(driver: VmDriver, vm: string, signal: AbortSignal): Promise<void>;
};

export function snapshotKeeper({ directories, owner, now }: KeeperInput): SnapshotKeeper {
  const placeOf = (vm: string, driver: VmDriver) => openPlace({ vm, directories, owner: owner(vm), driver });
  const isLayered = (vm: string) => existsSync(layoutFile(directories.vms, vm));
  return {
    async act({ verb, snapshot, plan, driver }, signal) {
      const place = placeOf(snapshot.vm, driver);
      await settle(place, signal);
      const disks = ownDisks(plan, join(directories.volumes, snapshot.vm));
      const { pins } = place.layout();
      const pin = pins[snapshot.id];
      switch (verb) {
        case "create":
          if (pin === undefined) await createSnapshot(place, { snapshot, disks, now }, signal);
          break;
        case "revert":
          if (pin === undefined)
            throw new Fault(
              "snapshot.not_found",
              `The host has nothing of snapshot ${snapshot.name} any more.`,
            );
          await revertSnapshot(place, { snapshot: snapshot.id, pin, disks }, signal);
          break;
        case "delete":
          await deleteSnapshot(place, snapshot.id, signal);
          return { takenAt: now(), pauseMs: 0, isQuiesced: false, memoryBytes: 0, disks: [] };
      }
      return report(place, snapshot.id);
    },
    async recover(driver, vm, signal) {
      if (!isLayered(vm)) return;
      const place = placeOf(vm, driver);
      await settle(place, signal);
      await tidy(place, signal);
    },
    clone({ origin, vm, driver, from }, signal) {
      const folder = join(directories.volumes, vm);
      const disks = ownDisks(from.plan, join(directories.volumes, origin.vm));
      const places = { from: placeOf(origin.vm, from.driver), to: placeOf(vm, driver) };
      return cloneVolumes({ origin, ...places, folder, owner: owner(vm), disks }, signal);
    },
    async beforeLaunch(driver, vm, signal) {
      if (!isLayered(vm)) return;
      const place = placeOf(vm, driver);
      await settle(place, signal);
      const { restore, ...layout } = place.layout();
      if (restore === undefined) return;
      driver.useMemory({ file: place.memoryFile(restore), ...place.readMemoryRecord(restore) });
      place.write(layout);
    },
  };
}

function report(place: Place, snapshot: string): SnapshotReport {
  const layout = place.layout();
  const pin = layout.pins[snapshot];
  if (pin === undefined) throw new Error(`snapshot ${snapshot} was made and is not there`);
  const { layer, ...facts } = pin;
  const parent = snapshotBelow(layout, layer);
  return { ...facts, ...(parent !== undefined && { parent }) };
}

async function deleteSnapshot(place: Place, snapshot: string, signal: AbortSignal): Promise<void> {
  const layout = place.layout();
  const { [snapshot]: pin, ...pins } = layout.pins;
  const { restore, ...rest } = layout;
  if (pin !== undefined)
    place.write({ ...rest, pins, ...(restore !== undefined && restore !== snapshot && { restore }) });
  place.forgetMemory(snapshot);
  await tidy(place, signal);
}
