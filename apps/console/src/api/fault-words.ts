import { isFault, type FaultCode } from "@serai/kit/fault";

/** What a person can do about a fault, beyond what its own sentence says. */
const advice: Partial<Record<FaultCode, string>> = {
  "host.unreachable": "Check that the daemon runs and that this machine can reach it.",
  "host.no_capacity": "Stop another VM, or give this one less memory or fewer CPUs.",
  "request.precondition_failed": "Somebody changed it meanwhile. Look at the new state and try again.",
  "pool.full": "Delete an image or a VM that is no longer needed.",
  "image.in_use": "Delete the VMs that were made from it first.",
  "request.too_many": "Wait a moment and try again.",
  "auth.forbidden": "Your role does not allow this; ask an administrator.",
};

/** The sentence to show for anything that was thrown. */
export function faultSentence(error: unknown): string {
  if (!isFault(error)) return error instanceof Error ? error.message : "Something went wrong in the console.";
  const more = advice[error.code];
  return more === undefined || error.message.includes(more) ? error.message : `${error.message} ${more}`;
}

/** Only a server that does not answer is worth asking again; it said no to all others. */
export function shouldRetry(failures: number, error: unknown): boolean {
  return failures < 2 && isFault(error) && error.kind === "unavailable";
}

/** Field → sentence, from a fault's details. */
export function fieldFaults(error: unknown): Record<string, string> {
  if (!isFault(error)) return {};
  const issues = (error.details?.["issues"] ?? []) as { path: string; problem: string; allowed?: string }[];
  const found: Record<string, string> = {};
  for (const { path, problem, allowed } of Array.isArray(issues) ? issues : []) {
    found[fieldName(path)] ??= `This ${problem}${allowed === undefined ? "" : `; allowed: ${allowed}`}.`;
  }
  const field = error.details?.["field"];
  if (typeof field === "string") found[fieldName(field)] ??= error.message;
  if (error.code === "name.taken") found["name"] ??= error.message;
  return found;
}

/** "/disks/0/sizeBytes" and "body.disks[0].sizeBytes" → "disks.0.sizeBytes". */
export function fieldName(path: string): string {
  return path
    .replace(/^\/?body\b/, "")
    .replace(/\[(\d+)\]/g, ".$1")
    .replaceAll("/", ".")
    .replace(/^\.+/, "");
}
