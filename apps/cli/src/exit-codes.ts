import { Fault, type FaultKind } from "@serai/kit/fault";

/** Exit codes are public API: `serai help exit-codes` shows them. */
export const exitCodes = {
  ok: 0,
  bug: 1,
  usage: 2,
  notFound: 3,
  conflict: 4,
  capacity: 5,
  access: 6,
  unavailable: 7,
  unsupported: 8,
  operationFailed: 9,
  cancelled: 130,
} as const;

const byKind: Readonly<Record<FaultKind, number>> = {
  invalid: exitCodes.usage,
  too_large: exitCodes.usage,
  not_found: exitCodes.notFound,
  conflict: exitCodes.conflict,
  stale: exitCodes.conflict,
  capacity: exitCodes.capacity,
  unauthenticated: exitCodes.access,
  forbidden: exitCodes.access,
  too_many: exitCodes.unavailable,
  unavailable: exitCodes.unavailable,
  timeout: exitCodes.unavailable,
  unsupported: exitCodes.unsupported,
  cancelled: exitCodes.cancelled,
};

export const exitCodeHelp = `Exit codes:
  0    done
  1    a defect in serai; please report it
  2    the command or a value in it is wrong
  3    no such VM, image, operation or token
  4    right command, wrong moment: a name is taken, a VM is in another state
  5    not enough memory, CPU or disk; the message says what is missing
  6    not logged in, or not allowed
  7    the daemon, the guest's agent or the network did not answer in time
  8    this machine or version cannot do it
  9    the operation was accepted and failed later; the message says why
  130  cancelled with Ctrl-C
  vm exec and run exit with the guest program's own code; failures of serai itself are then 255.`;

export const exitCodeOf = (error: unknown): number => {
  if (error instanceof OperationFailed) return exitCodes.operationFailed;
  return error instanceof Fault ? byKind[error.kind] : exitCodes.bug;
};

/** The request was accepted, and the work failed or was cancelled later. */
export class OperationFailed extends Error {
  override readonly name = "OperationFailed";
}
