import type { ControlConfiguration } from "./run-control.ts";

/** What the two processes tell each other besides requests to the host. Nothing secret goes this way. */
export type ToControl = { kind: "start"; configuration: ControlConfiguration } | { kind: "stop" };
export type FromControl = { kind: "ready"; apiUrl?: string } | { kind: "refused"; message: string };
