import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { LaunchPlan } from "@serai/hypervisor/launch-plan";
import type { VmDriver } from "@serai/hypervisor/vm-driver";
import type { VolumeLayout } from "@serai/model/volume-layers";
import { layerFiles, type LayerFiles } from "@serai/storage/layers/layer-files";
import { readLayout, writeLayout } from "@serai/storage/layers/layout-record";

export type Owner = { uid: number; gid: number };

/** The hardware that a snapshot's memory belongs to. */
export type MemoryRecord = { plan: LaunchPlan; accelerator: "kvm" | "tcg" };

/** Where one VM keeps its layers, its snapshots' memory, and the record of both. The records are the daemon's own. */
export type Place = {
  readonly vm: string;
  readonly driver: VmDriver;
  readonly files: LayerFiles;
  layout(): VolumeLayout;
  write(layout: VolumeLayout): void;
  memoryFile(snapshot: string): string;
  memoryBytes(snapshot: string): number;
  /** Once this returns, the memory outlives a loss of power. */
  syncMemory(snapshot: string): void;
  writeMemoryRecord(snapshot: string, record: MemoryRecord): void;
  readMemoryRecord(snapshot: string): MemoryRecord;
  forgetMemory(snapshot: string): void;
  /** Snapshots that have files here. */
  memories(): string[];
  giveToQemu(path: string): void;
};

export const layoutFile = (vmsDirectory: string, vm: string): string => join(vmsDirectory, vm, "layers.json");

type PlaceInput = {
  vm: string;
  directories: { vms: string; volumes: string };
  owner: Owner | undefined;
  driver: VmDriver;
};

export function openPlace({ vm, directories, owner, driver }: PlaceInput): Place {
  const record = layoutFile(directories.vms, vm);
  const folder = join(directories.vms, vm, "snapshots");
  // QEMU's own user passes through the first to its own folder, and never into the second.
  mkdirSync(join(directories.vms, vm), { recursive: true, mode: 0o711 });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const memoryFile = (snapshot: string) => join(folder, `${snapshot}.memory`);
  const recordFile = (snapshot: string) => join(folder, `${snapshot}.json`);
  return {
    vm,
    driver,
    files: layerFiles(join(directories.volumes, vm), owner),
    layout: () => readLayout(record),
    write: (layout) => writeLayout(record, layout),
    memoryFile,
    memoryBytes: (snapshot) => (existsSync(memoryFile(snapshot)) ? lstatSync(memoryFile(snapshot)).size : 0),
    syncMemory: (snapshot) => {
      for (const path of [memoryFile(snapshot), folder]) {
        const fd = openSync(path, "r");
        fsyncSync(fd);
        closeSync(fd);
      }
    },
    writeMemoryRecord: (snapshot, memory) =>
      writeFileSync(recordFile(snapshot), JSON.stringify(memory), { mode: 0o600, flush: true }),
    readMemoryRecord: (snapshot) => JSON.parse(readFileSync(recordFile(snapshot), "utf8")) as MemoryRecord,
    forgetMemory: (snapshot) => {
      for (const file of [recordFile(snapshot), memoryFile(snapshot)]) rmSync(file, { force: true });
    },
    memories: () => [...new Set(readdirSync(folder).map((file) => file.slice(0, file.lastIndexOf("."))))],
    giveToQemu: (path) => {
      if (owner !== undefined) lchownSync(path, owner.uid, owner.gid);
    },
  };
}
