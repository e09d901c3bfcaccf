import type { VmPower } from "./vm.ts";

/**
 * A point in time of a VM, with or without its memory.
 *
 *   creating ─► ready ⇄ reverting
 *      │          └──► deleting ─► (gone)
 *      └─► (gone; the operation says why)
 *
 * Key in the store: {@link snapshotKey}.
 */
export type SnapshotRecord = {
  id: string;
  vm: string;
  project: string;
  /** Unique within the VM. */
  name: string;
  description: string;
  hasMemory: boolean;
  phase: SnapshotPhase;
  /** The snapshot that the VM came from when this one was taken. */
  parent?: string;
  /** What the host found when it was taken. */
  facts?: SnapshotFacts;
  /** What the VM's power becomes once it is reverted. */
  powerAfter?: VmPower;
  /** Rises with every change of this record that a host must see. */
  generation: number;
  createdAt: string;
  updatedAt: string;
};

export type SnapshotPhase = "creating" | "ready" | "reverting" | "deleting";

export type SnapshotFacts = {
  takenAt: string;
  /** How long the guest stood still, from QEMU's own events; 0 for a stopped VM. */
  pauseMs: number;
  /** The guest's file systems were at rest. */
  isQuiesced: boolean;
  /** Of the saved memory. */
  memoryBytes: number;
  /** The disks in it. */
  disks: string[];
};

/** What a host answers about a snapshot it made. */
export type SnapshotReport = SnapshotFacts & { parent?: string };

export const snapshotVerbs = ["create", "revert", "delete"] as const;
export type SnapshotVerb = (typeof snapshotVerbs)[number];

/** The phase that gives a host a reason for each verb. */
export const phaseFor: Readonly<Record<SnapshotVerb, SnapshotPhase>> = {
  create: "creating",
  revert: "reverting",
  delete: "deleting",
};

export const snapshotKey = (id: string): string => `/snapshots/${id}`;
export const snapshotNameKey = (vm: string, name: string): string => `/snapshot-names/${vm}/${name}`;

/** A snapshot as clients see it. */
export function snapshotView({ project: _project, facts, powerAfter: _powerAfter, ...rest }: SnapshotRecord) {
  return { ...rest, ...facts };
}
