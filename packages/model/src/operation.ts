import type { FaultJson } from "@serai/kit/fault";

export type TargetKind = "vm" | "image" | "host" | "token" | "network" | "security_group";
export type Target = { kind: TargetKind; id: string; name?: string };

export type OperationPhase = "pending" | "running" | "succeeded" | "failed" | "cancelled";

/** The receipt for a request that finishes later. It reports; it never holds the work. */
export type Operation = {
  id: string;
  /** As in the API: "vm.start", "image.pull". */
  verb: string;
  target: Target;
  /** The target's generation that this request made. */
  generation: number;
  phase: OperationPhase;
  /** 0 to 1 where it is known. */
  progress?: number;
  /** What is happening now, for people. */
  note?: string;
  fault?: FaultJson;
  actor: string;
  createdAt: string;
  endedAt?: string;
};

export const isEnded = (operation: Operation): boolean =>
  operation.phase === "succeeded" || operation.phase === "failed" || operation.phase === "cancelled";

export const operationKey = (id: string): string => `/operations/${id}`;
