/** Where a volume's bytes are, as QEMU opens them. */
export type VolumeLocation = { path: string; format: "qcow2" | "raw" };

export type VolumeWish = {
  vm: string;
  disk: string;
  /** The image to start from, as this host holds it. */
  base?: { path: string; format: "qcow2" | "raw"; virtualSizeBytes: number };
  sizeBytes: number;
  /** Who may open it, where each VM has its own user. */
  owner?: { uid: number; gid: number };
};

/** A storage driver: where volumes live. The layers above ask `can`, never the driver's name. */
export type Pool = {
  readonly name: string;
  readonly can: { linkedVolumes: boolean };
  /** Bytes on the medium. */
  space(signal: AbortSignal): Promise<{ capacityBytes: number; availableBytes: number }>;
  /** Idempotent: a volume that is there stays as it is. Throws `pool.full`. */
  createVolume(wish: VolumeWish, signal: AbortSignal): Promise<VolumeLocation>;
  locate(vm: string, disk: string): VolumeLocation;
  /** Removes all volumes of a VM; idempotent. */
  removeVolumes(vm: string, signal: AbortSignal): Promise<void>;
  /** Ids of the VMs that have volumes here. */
  owners(signal: AbortSignal): Promise<string[]>;
};
