import { existsSync } from "node:fs";
import { chown, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "@serai/kit/fault";
import type { CloneOrigin, VmRecord } from "@serai/model/vm";
import type { ImageLibrary } from "@serai/storage/image-library";
import type { Pool } from "@serai/storage/pool";
import type { Intents } from "./intent-source.ts";
import { launchPlanFor, provisionVolumes } from "./launch-plan-for.ts";
import type { HostNetworks } from "./networks/host-networks.ts";
import { readProvisionNote, writeProvisionNote } from "./provision-note.ts";
import type { serializePerKey } from "./serialize-per-key.ts";
import type { SnapshotKeeper } from "./snapshots/keeper.ts";
import type { VmDrivers } from "./vm-drivers.ts";
import type { VmGroups } from "./vm-groups.ts";
import type { VmUsers } from "./vm-users.ts";

type Means = {
  directories: { vms: string; volumes: string };
  intents: Intents;
  stores: { pool: Pool; images: ImageLibrary };
  drivers: VmDrivers;
  networks: HostNetworks;
  snapshots: SnapshotKeeper;
  groups: VmGroups;
  users: VmUsers;
  oneAtATime: ReturnType<typeof serializePerKey>;
  owner(vm: string): { uid: number; gid: number } | undefined;
};

/** What a VM has on this host besides its process. Calls for one VM take turns, which is the caller's to see to. */
export type VmKeeper = {
  /** Which generation of its intent the VM was last made ready for; 0 for none. */
  provisionedGeneration(vm: string): Promise<number>;
  /** Makes ready what the intent names; does nothing where that was done. */
  provision(record: VmRecord, signal: AbortSignal): Promise<void>;
  /** Ends the VM and leaves nothing of it. */
  remove(vm: string, signal: AbortSignal): Promise<void>;
};

export function vmKeeper(means: Means): VmKeeper {
  const { directories, drivers } = means;
  return {
    provisionedGeneration: (vm) => readProvisionNote(join(directories.volumes, vm)),
    provision: (record, signal) => provision(record, means, signal),
    async remove(vm, signal) {
      const isKnown = drivers.has(vm) || (await readdir(directories.vms)).includes(vm);
      if (isKnown) {
        const driver = await drivers.open(vm, signal);
        await driver.kill(signal);
        await driver.remove(signal);
        await driver.close();
        drivers.forget(vm);
      }
      await means.groups.remove(vm, signal);
      await means.stores.pool.removeVolumes(vm, signal);
      await rm(join(directories.vms, vm), { recursive: true, force: true });
      await means.networks.forget(vm, signal);
      means.users.forget(vm);
    },
  };
}

async function provision(record: VmRecord, means: Means, signal: AbortSignal): Promise<void> {
  const folder = join(means.directories.volumes, record.id);
  if ((await readProvisionNote(folder)) >= record.generation) return;
  const owner = means.owner(record.id);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (owner !== undefined) await chown(folder, owner.uid, owner.gid);
  if (record.origin !== undefined && !existsSync(join(folder, "provisioned.json")))
    await cloneVolumes(record, record.origin, means, signal);
  await provisionVolumes(record, owner, means.stores, signal);
  await means.networks.prepare(record, signal);
  await writeProvisionNote(folder, record.generation);
  (await means.drivers.get(record.id))?.note({ provisionedGeneration: record.generation });
}

async function cloneVolumes(
  record: VmRecord,
  origin: CloneOrigin,
  means: Means,
  signal: AbortSignal,
): Promise<void> {
  const { intents, stores, drivers, snapshots } = means;
  // A clone's turn holds its origin's turn, never the other way round: an origin is always the older one.
  await means.oneAtATime(origin.vm, async () => {
    const source = intents.vm(origin.vm);
    if (source === undefined || source.isDeleting)
      throw new Fault("vm.wrong_state", "The VM to clone is gone.");
    await provision(source, means, signal);
    const plan = await launchPlanFor(source, stores, signal);
    const [driver, from] = [await drivers.open(record.id, signal), await drivers.open(source.id, signal)];
    await snapshots.clone({ origin, vm: record.id, driver, from: { plan, driver: from } }, signal);
  });
}
