import type { Clock } from "@serai/kit/clock";
import type { Logger } from "@serai/kit/logger";
import type { IntentSource } from "./intent-source.ts";

export type HostAgentConfig = {
  /** `<state>/host`: images, volumes, vms. Created if missing. */
  directory: string;
  /** `<state>/control/spool`: what control received and the host has not taken yet. */
  spoolDirectory: string;
  /** Where `guest/` keeps its builds. */
  builtinImages?: string;
  hostId: string;
  seraiVersion: string;
  intents: IntentSource;
  /** Each QEMU as a user of its own; needs root. */
  isPrivileged: boolean;
  logger: Logger;
  clock: Clock;
};
