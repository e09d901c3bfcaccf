/** A volume that is a file of this host. */
export type FileLocation = { path: string; format: "qcow2" | "raw" };

/** A volume behind an NBD server, as this host's own export. */
export type NbdLocation = { nbd: { socketPath: string; exportName: string }; format: "raw" };

/** Where a volume's bytes are, as QEMU opens them. */
export type VolumeLocation = FileLocation | NbdLocation;

export type VolumeWish = {
  vm: string;
  disk: string;
  /** The image to start from, as this host holds it. */
  base?: { path: string; format: "qcow2" | "raw"; virtualSizeBytes: number };
  sizeBytes: number;
  /** Who may open it, where each VM has its own user. */
  owner?: { uid: number; gid: number };
};

export type PoolAbilities = {
  /** A volume made from an image shares the image's blocks. */
  linkedVolumes: boolean;
  /** Hosts can be cut off from their volumes at the storage, so that another may take them over. */
  fencing: boolean;
};

/** A storage driver: where volumes live. The layers above ask `can`, never the driver's name. */
export type Pool<Location extends VolumeLocation = FileLocation> = {
  readonly name: string;
  readonly can: PoolAbilities;
  /** Bytes on the medium. */
  space(signal: AbortSignal): Promise<{ capacityBytes: number; availableBytes: number }>;
  /** Idempotent: a volume that is there stays as it is. Throws `pool.full`. */
  createVolume(wish: VolumeWish, signal: AbortSignal): Promise<Location>;
  locate(vm: string, disk: string): Location;
  /** Makes a volume reachable for this host, as its only writer. Idempotent. Throws `volume.locked`, `volume.not_found`. */
  attach(vm: string, disk: string, signal: AbortSignal): Promise<Location>;
  /** Ends what `attach` made; idempotent. */
  detach(vm: string, disk: string, signal: AbortSignal): Promise<void>;
  /** Enlarges a volume that is not in use; one that is as large already stays as it is. Throws `volume.locked`. */
  growVolume(vm: string, disk: string, sizeBytes: number, signal: AbortSignal): Promise<void>;
  /** Removes all volumes of a VM; idempotent. */
  removeVolumes(vm: string, signal: AbortSignal): Promise<void>;
  /** Ids of the VMs that have volumes here. */
  owners(signal: AbortSignal): Promise<string[]>;
};
