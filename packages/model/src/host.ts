/** What a host is and has. Facts only; reported by the host, never stored. */
export type HostReport = {
  id: string;
  name: string;
  seraiVersion: string;
  kernel: string;
  cpus: number;
  memoryBytes: number;
  memoryAvailableBytes: number;
  accelerator: { kind: "kvm" | "tcg"; /** Why, for people. */ reason: string };
  qemu: { path: string; version: string; machineTypes: string[]; defaultMachineType: string };
  firmware: ("bios" | "uefi")[];
  pools: { name: string; path: string; capacityBytes: number; availableBytes: number }[];
  /** True where each QEMU gets its own user id; false in the hosted form. */
  isPrivileged: boolean;
  features: { name: string; isAvailable: boolean; note: string }[];
  startedAt: string;
};

/** Live figures of one VM: sampled, never stored. */
export type VmUsage = {
  vm: string;
  /** CPU seconds of the QEMU process since it started. */
  cpuSeconds: number;
  residentBytes: number;
  /** What the guest has now: size less balloon. */
  guestMemoryBytes: number;
  diskReadBytes: number;
  diskWrittenBytes: number;
  netReceivedBytes: number;
  netSentBytes: number;
  uptimeSeconds: number;
};

export type HostUsage = {
  at: string;
  cpuSeconds: { busy: number; total: number };
  memoryBytes: number;
  memoryAvailableBytes: number;
  vms: VmUsage[];
};
