import type { CompleteVmSpec, DiskBus } from "@serai/model/vm-spec";

export type PlannedDisk = {
  name: string;
  bus: DiskBus;
  path: string;
  format: "qcow2" | "raw";
  /** Instead of `path`, for a volume behind an NBD server. */
  nbd?: { socketPath: string; exportName: string };
  isReadOnly: boolean;
  /** The files below this one, in case it is an overlay: QEMU sees no others. */
  backing?: string[];
};

/** Everything a launch needs; made by the host agent from intent and storage. Paths are the host's own. */
export type LaunchPlan = {
  vm: string;
  uuid: string;
  generation: number;
  resetCount: number;
  /** Versioned: pc-q35-7.2. */
  machineType: string;
  spec: CompleteVmSpec;
  disks: PlannedDisk[];
  kernel?: { path: string; initrdPath?: string; cmdline: string };
};
