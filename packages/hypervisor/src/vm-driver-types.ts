import type { Duplex } from "node:stream";
import type { Logger } from "@serai/kit/logger";
import type { VmUsage } from "@serai/model/host";
import type { VmSighting } from "@serai/model/vm";
import type { CompleteNic } from "@serai/model/vm-spec";
import type { AgentSession } from "@serai/qmp/agent-session";
import type { AgentTiming } from "./agent-watch.ts";
import type { Jail } from "./jail/jail.ts";
import type { LaunchPlan } from "./launch-plan.ts";
import type { LiveVm } from "./live-vm.ts";
import type { SavedMemory } from "./snapshot/use-saved-memory.ts";

/** A NIC's tap, open in this process. */
export type OpenTap = { nic: string; fd: number; mtu: number; close(): void };

export type VmDriverConfig = {
  /** The VM's own directory, named after the VM; made at the first launch. */
  directory: string;
  qemu: { path: string; version: string };
  accelerator: "kvm" | "tcg";
  /** Who QEMU runs as, where the daemon may choose: both or neither. */
  uid?: number;
  gid?: number;
  /** Without one QEMU sees the host's files, processes and networks. */
  jail?: Jail;
  firmware?: { uefiCode: string; uefiVars: string };
  /** The VM's resource groups. */
  cgroup?: {
    /** Makes them, with limits for this launch; safe to repeat. */
    prepare?(plan: LaunchPlan): void;
    procsFiles(): string[];
    oomKills(): number | undefined;
  };
  /**
   * Plugs those of a launch's NICs that are on networks of the host; what it opens is closed once QEMU has it. Without
   * it there are only user-mode networks.
   */
  openTaps?: (nics: readonly CompleteNic[], signal: AbortSignal) => Promise<OpenTap[]>;
  logger: Logger;
  /** Hears each sighting that differs from the one before. Must not throw. */
  onChange: (sighting: VmSighting) => void;
  agentTiming?: Partial<AgentTiming>;
  monitorTiming?: {
    /** How long a QEMU may take to answer on its monitor before it counts as out of touch. */
    openMs: number;
    /** Between attempts to get back in touch. */
    retryMs: number;
  };
};

/** One VM on this host. Calls for one VM take turns, which is the caller's to see to; `kill` may cut in. */
export type VmDriver = {
  /** From memory; what changes it is told by `onChange`. */
  sighting(): VmSighting;
  /** Resolves when the guest runs. Goes on where a suspended VM stood. */
  launch(plan: LaunchPlan, signal: AbortSignal): Promise<void>;
  pause(signal: AbortSignal): Promise<void>;
  resume(signal: AbortSignal): Promise<void>;
  /** `resetCount` is how many resets have been asked for, this one included. */
  reset(resetCount: number, signal: AbortSignal): Promise<void>;
  /** Resolves once the guest was asked: by its agent, or by the power button. */
  shutDown(signal: AbortSignal): Promise<void>;
  /** Resolves when the process is gone; at once when there is none. */
  kill(signal: AbortSignal): Promise<void>;
  /** Resolves when memory is on disk and the process gone. Leaves the VM running if it fails. */
  suspend(signal: AbortSignal): Promise<void>;
  discardSuspend(signal: AbortSignal): Promise<void>;
  /** Deletes all that the VM has here. Its process must be gone. */
  remove(signal: AbortSignal): Promise<void>;
  agent(): AgentSession;
  /** The QEMU behind it, for the rooms beside this one; undefined unless it is up. */
  live(): LiveVm | undefined;
  /** Makes a VM that does not run go on with this memory at its next launch. */
  useMemory(memory: SavedMemory): void;
  screenshot(signal: AbortSignal): Promise<Uint8Array>;
  openStream(kind: "serial" | "display", signal: AbortSignal): Promise<Duplex>;
  /** Undefined when the VM does not run. */
  usage(): Promise<VmUsage | undefined>;
  note(patch: { provisionedGeneration?: number }): void;
  /** Lets go of the VM; QEMU lives on. */
  close(): Promise<void>;
};
