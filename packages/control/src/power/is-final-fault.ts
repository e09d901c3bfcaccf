import { Fault, type FaultJson, faultToJson, type FaultKind } from "@serai/kit/fault";

/** Kinds that say "not now": the same step may work later without anybody changing anything. */
const passing: ReadonlySet<FaultKind> = new Set(["unavailable", "timeout", "stale", "cancelled", "too_many"]);

/** The fault that ends what was tried; undefined when trying again makes sense. */
export function finalFault(error: unknown): FaultJson | undefined {
  if (error instanceof Fault) return passing.has(error.kind) ? undefined : faultToJson(error);
  return { code: "vm.start_failed", message: "The host failed in a way nobody foresaw; its log says how." };
}
