import type { Target } from "./operation.ts";

export type Severity = "info" | "warning" | "error";

/** Something that happened. Append-only; `id` sorts by time. */
export type SeraiEvent = {
  id: string;
  at: string;
  /** "vm.started", "vm.panicked", "image.ready": past tense, stable. */
  type: string;
  severity: Severity;
  target: Target;
  actor?: string;
  /** One sentence for people, with the numbers that explain it. */
  message: string;
  /** Facts for programs. */
  data?: Record<string, unknown>;
};

export const eventKey = (id: string): string => `/events/${id}`;
