import type { FaultJson } from "@serai/kit/fault";
import type { CompleteVmSpec } from "./vm-spec.ts";

/** What the owner wants of the VM's power. */
export type VmPower = "running" | "paused" | "stopped" | "suspended";

/**
 * The intent: one record per VM, written only by control.
 * Key in the store: {@link vmKey}. Image references in `spec` are image ids.
 */
export type VmRecord = {
  id: string;
  project: string;
  spec: CompleteVmSpec;
  /** Versioned, fixed at creation, so that a newer QEMU shows the guest the same hardware. */
  machineType: string;
  /** Random, fixed at creation: SMBIOS UUID. */
  uuid: string;
  power: VmPower;
  /** How to reach `stopped`: ask the guest until the deadline, or not at all. RFC 3339. */
  stop: { isForced: boolean; deadlineAt?: string };
  /** Rises with each reset asked for; the host performs the difference once. */
  resetCount: number;
  /**
   * The generation of the latest request to start it. The end of a process of an older generation was before
   * that request, and is no reason to apply an exit policy.
   */
  startGeneration?: number;
  /** True from the DELETE on, until the host has removed all that belongs to the VM. */
  isDeleting: boolean;
  host: string;
  /** Where its disks came from, when it was cloned. */
  origin?: CloneOrigin;
  /** Rises with every change of this record. */
  generation: number;
  createdAt: string;
  updatedAt: string;
};

/** `linked`: its layers stand on those of the origin. `full`: it has a copy of its own. */
export type CloneKind = "linked" | "full";
export type CloneOrigin = { vm: string; kind: CloneKind; snapshot?: string };

/**
 * What a host sees. `unknown` means that nobody could ask, which is not the same as `absent`.
 *
 *   absent ─► starting ─► running ⇄ paused
 *     ▲                     │  │
 *     ├──── stopping ◄──────┘  └─► suspending ─► suspended ─► starting
 *     └──────── (any state with a process, when the process ends)
 */
export type VmState =
  | "unknown"
  | "absent"
  | "starting"
  | "running"
  | "paused"
  | "stopping"
  | "suspending"
  | "suspended";

/** Why a guest's process ended. */
export type ExitCause =
  | "requested" // Serai ended it because intent said so
  | "guest_shutdown"
  | "guest_panic"
  | "guest_hang"
  | "process_crash" // QEMU died by a signal other than KILL, or with an error
  | "process_killed" // somebody sent SIGKILL
  | "host_oom"
  | "host_reboot"
  | "vanished"; // ended while no daemon watched, and left no trace of why

export type VmExit = {
  cause: ExitCause;
  at: string;
  /** The generation that was running. */
  generation: number;
  /** One sentence for people: exit code, signal, QEMU's last words. */
  detail: string;
};

/** A guest that is there but in a bad way. */
export type VmTrouble = { kind: "guest_panic" | "guest_hang"; at: string };

export type AgentState = "none" | "silent" | "answering";

/** One host's report on one VM. */
export type VmSighting = {
  vm: string;
  state: VmState;
  /** The generation the host last acted on; 0 when it never did. */
  generation: number;
  /** Resets performed, counted as {@link VmRecord.resetCount} counts them. */
  resetCount: number;
  /** Volumes exist for this generation or a later one. */
  provisionedGeneration: number;
  pid?: number;
  startedAt?: string;
  agent: AgentState;
  /** From the agent, without loopback and link-local. */
  addresses: string[];
  hasDisplay: boolean;
  accelerator?: "kvm" | "tcg";
  trouble?: VmTrouble;
  /** The latest end of a process of this VM, until the next start. */
  exit?: VmExit;
};

/** What control keeps about a VM besides intent. Key: {@link vmStatusKey}. */
export type VmStatus = {
  vm: string;
  sighting: VmSighting;
  /** Automatic restarts in a row; back to 0 once the guest has stayed up. */
  restarts: number;
  /** Not before this moment is it started again. */
  restartAt?: string;
  /** Why the latest step failed, until one succeeds. */
  fault?: FaultJson;
  /** The moment of the exit that was already acted upon, so that no exit counts twice. */
  handledExitAt?: string;
  updatedAt: string;
};

export const unseen = (vm: string): VmSighting => ({
  vm,
  state: "unknown",
  generation: 0,
  resetCount: 0,
  provisionedGeneration: 0,
  agent: "none",
  addresses: [],
  hasDisplay: false,
});

export const vmKey = (id: string): string => `/vms/${id}`;
export const vmStatusKey = (id: string): string => `/vm-status/${id}`;
export const vmNameKey = (project: string, name: string): string => `/vm-names/${project}/${name}`;
