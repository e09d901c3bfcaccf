/** What went wrong, coarsely. `api-server` maps each kind to one HTTP status; the CLI to one exit code. */
export type FaultKind =
  | "invalid" // the request itself is wrong
  | "unauthenticated"
  | "forbidden"
  | "not_found"
  | "conflict" // right request, wrong moment
  | "stale" // the caller saw an older version
  | "too_large"
  | "too_many" // rate limits
  | "capacity" // not enough of something; the message says what and how much
  | "unsupported" // this machine or this version cannot
  | "cancelled"
  | "timeout"
  | "unavailable"; // a peer does not answer

/** Codes are public API: add freely, never rename or reuse. */
export const faultKinds = {
  "request.malformed": "invalid",
  "request.unknown_route": "not_found",
  "request.method_not_allowed": "invalid",
  "request.too_large": "too_large",
  "request.headers_too_large": "too_large",
  "request.unsupported_media_type": "invalid",
  "request.too_many": "too_many",
  "request.timeout": "timeout",
  "request.cancelled": "cancelled",
  "request.precondition_failed": "stale",
  "request.idempotency_mismatch": "conflict",
  "auth.required": "unauthenticated",
  "auth.bad_credentials": "unauthenticated",
  "auth.forbidden": "forbidden",
  "auth.token_not_found": "not_found",
  "name.ambiguous": "conflict",
  "name.taken": "conflict",
  "vm.not_found": "not_found",
  "vm.wrong_state": "conflict",
  "vm.stale_generation": "stale",
  "vm.agent_unavailable": "unavailable",
  "vm.agent_refused": "conflict",
  "vm.start_failed": "conflict",
  "vm.spec_invalid": "invalid",
  "vm.device_unavailable": "conflict",
  "image.not_found": "not_found",
  "image.in_use": "conflict",
  "image.not_ready": "conflict",
  "image.hostile": "invalid",
  "image.unreadable": "invalid",
  "image.checksum_mismatch": "conflict",
  "image.signature_invalid": "conflict",
  "image.download_failed": "unavailable",
  "image.unknown_catalogue_name": "not_found",
  "snapshot.not_found": "not_found",
  "snapshot.wrong_state": "conflict",
  "volume.not_found": "not_found",
  "volume.locked": "conflict",
  "pool.full": "capacity",
  "pool.not_found": "not_found",
  "network.not_found": "not_found",
  "network.in_use": "conflict",
  "network.nic_in_use": "conflict",
  "network.spec_invalid": "invalid",
  "network.addresses_exhausted": "capacity",
  "network.unsupported": "unsupported",
  "network.setup_failed": "unavailable",
  "security_group.not_found": "not_found",
  "security_group.in_use": "conflict",
  "operation.not_found": "not_found",
  "operation.not_cancellable": "conflict",
  "event.not_found": "not_found",
  "host.no_capacity": "capacity",
  "host.unreachable": "unavailable",
  "host.unsupported": "unsupported",
  "host.qemu_missing": "unsupported",
  "host.qemu_too_old": "unsupported",
  "host.unsafe_combination": "unsupported",
  "store.conflict": "conflict",
  "store.compacted": "stale",
  "store.unavailable": "unavailable",
  "store.lease_not_found": "not_found",
  "store.locked": "conflict",
  "store.corrupt": "unavailable",
  "store.too_new": "unsupported",
  "qmp.closed": "unavailable",
  "qmp.refused": "conflict",
  "qmp.timeout": "timeout",
  "qmp.overflow": "unavailable",
  "linux.refused": "unsupported",
  "process.still_running": "timeout",
  "file.locked": "conflict",
  "setup.failed": "unavailable",
} as const satisfies Record<string, FaultKind>;

export type FaultCode = keyof typeof faultKinds;

/** A failure we foresaw and named. Anything else that is thrown is a bug. */
export class Fault extends Error {
  override readonly name = "Fault";
  readonly code: FaultCode;
  /** Facts for programs: the field that is wrong, the candidates, the missing bytes. Never a secret. */
  readonly details: Readonly<Record<string, unknown>> | undefined;

  /** `message` reaches the user: one sentence, what to do next, no internals, no copy of `cause`. */
  constructor(
    code: FaultCode,
    message: string,
    options?: ErrorOptions & { details?: Record<string, unknown> },
  ) {
    super(message, options);
    this.code = code;
    this.details = options?.details;
  }

  get kind(): FaultKind {
    return faultKinds[this.code];
  }
}

/** True for a `Fault`, with that code if one is named. */
export function isFault(error: unknown, code?: FaultCode): error is Fault {
  return error instanceof Fault && (code === undefined || error.code === code);
}

/** True for a string that is one of our codes. Faults cross process borders as plain JSON. */
export function isFaultCode(text: unknown): text is FaultCode {
  return typeof text === "string" && Object.hasOwn(faultKinds, text);
}

export type FaultJson = { code: FaultCode; message: string; details?: Record<string, unknown> };

/** Turns a fault into JSON that {@link faultFromJson} reads back. */
export function faultToJson(fault: Fault): FaultJson {
  return {
    code: fault.code,
    message: fault.message,
    ...(fault.details && { details: { ...fault.details } }),
  };
}

export function faultFromJson(json: FaultJson): Fault {
  return new Fault(json.code, json.message, json.details && { details: json.details });
}

/** The messages of an error and all its causes, outermost first, for the log. */
export function errorChain(error: unknown): string {
  const parts: string[] = [];
  for (let at: unknown = error, depth = 0; at !== undefined && depth < 8; depth++) {
    parts.push(at instanceof Error ? `${at.name}: ${at.message}` : String(at));
    at = at instanceof Error ? at.cause : undefined;
  }
  return parts.join(" <- ");
}
