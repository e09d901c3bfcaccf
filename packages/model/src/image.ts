import type { FaultJson } from "@serai/kit/fault";

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
  format?: "raw" | "qcow2" | "iso";
  virtualSizeBytes?: number;
  sizeBytes?: number;
  sha256?: string;
  guest?: ImageGuest;
  generation: number;
  createdAt: string;
  updatedAt: string;
};

export const imageKey = (id: string): string => `/images/${id}`;
export const imageNameKey = (project: string, name: string): string => `/image-names/${project}/${name}`;
