import type { Logger } from "@serai/kit/logger";
import type { VmSighting } from "@serai/model/vm";
import type { AgentTiming } from "./agent-watch.ts";

export type VmDriverConfig = {
  /** The VM's own directory, named after the VM; made at the first launch. */
  directory: string;
  qemu: { path: string; version: string };
  accelerator: "kvm" | "tcg";
  /** Who QEMU runs as, where the daemon may choose: both or neither. */
  uid?: number;
  gid?: number;
  firmware?: { uefiCode: string; uefiVars: string };
  /** The VM's resource groups, made before each launch. */
  cgroup?: { procsFiles(): string[]; oomKills(): number | undefined };
  logger: Logger;
  /** Hears each sighting that differs from the one before. Must not throw. */
  onChange: (sighting: VmSighting) => void;
  agentTiming?: Partial<AgentTiming>;
};
