import type { FaultJson } from "@serai/kit/fault";
import type { Appliance } from "./appliance.ts";
import type { ImportFormat } from "./image-format.ts";

export type ImageKind = "disk" | "kernel" | "iso";
export type ImagePhase = "pending" | "receiving" | "checking" | "ready" | "failed" | "removing";

export type ImageSource =
  | { kind: "upload" }
  | { kind: "catalogue"; name: string }
  | { kind: "url"; url: string; sha256?: string }
  /** Built by `guest/` on this machine; a directory that only set-up may name. */
  | { kind: "builtin"; name: string };

/** What is known of the guest inside. */
export type ImageGuest = {
  family: string;
  /** Shown to people: "Debian 12". */
  title: string;
  firmware: ("bios" | "uefi")[];
  hasAgent: boolean;
  minMemoryBytes: number;
  /** For kernels: the command line they need. */
  cmdline?: string;
};

/** An immutable, verified disk (or kernel and initrd) that VMs are made from. Key: {@link imageKey}. */
export type ImageRecord = {
  id: string;
  name: string;
  project: string;
  kind: ImageKind;
  source: ImageSource;
  phase: ImagePhase;
  /** 0 to 1 while receiving. */
  progress?: number;
  fault?: FaultJson;
  /** As declared by the uploader, then as found: only the latter once `ready`. */
  format?: ImportFormat;
  virtualSizeBytes?: number;
  sizeBytes?: number;
  /** Of the content as it came, before any conversion. */
  sha256?: string;
  /** For an image that came as an appliance: the VM it describes, and its disks. */
  appliance?: Appliance;
  guest?: ImageGuest;
  generation: number;
  createdAt: string;
  updatedAt: string;
};

export const imageKey = (id: string): string => `/images/${id}`;
export const imageNameKey = (project: string, name: string): string => `/image-names/${project}/${name}`;

/** The size of one of an image's disks; undefined when it has no such disk. */
export function imageDiskBytes(image: ImageRecord, disk = 0): number | undefined {
  if (image.appliance !== undefined) return image.appliance.disks[disk]?.virtualSizeBytes;
  return disk === 0 ? image.virtualSizeBytes : undefined;
}
