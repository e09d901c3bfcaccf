import { faultKinds, type FaultCode, type FaultKind } from "@serai/kit/fault";

const byKind: Readonly<Record<FaultKind, number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  timeout: 408,
  conflict: 409,
  capacity: 409,
  cancelled: 409,
  stale: 412,
  too_large: 413,
  unsupported: 422,
  too_many: 429,
  unavailable: 503,
};

const byCode: Partial<Record<FaultCode, number>> = {
  "request.method_not_allowed": 405,
  "request.unsupported_media_type": 415,
  "request.headers_too_large": 431,
  "store.compacted": 410,
  // The guest is the caller's own business: no agent in it is not an outage of ours.
  "vm.agent_unavailable": 409,
  "qmp.closed": 409,
  "image.download_failed": 409,
};

/** The HTTP status that carries a fault. Bad input never maps to 5xx; 503 means a part of Serai does not answer. */
export const statusOf = (code: FaultCode): number => byCode[code] ?? byKind[faultKinds[code]];
