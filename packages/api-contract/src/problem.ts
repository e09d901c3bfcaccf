import { Fault, isFaultCode, type FaultCode, type FaultJson } from "@serai/kit/fault";
import type { Problem } from "./schemas.ts";
import { statusOf } from "./status-of.ts";

export const problemContentType = "application/problem+json";

/** Makes the RFC 9457 body of a fault. */
export function problemFrom(fault: FaultJson, requestId: string): Problem {
  return {
    type: `urn:serai:fault:${fault.code}`,
    title: titleOf(fault.code),
    status: statusOf(fault.code),
    detail: fault.message,
    code: fault.code,
    requestId,
    ...(fault.details && { details: fault.details }),
  };
}

/** "vm.wrong_state" → "VM: wrong state". */
export function titleOf(code: string): string {
  const [area = "", ...rest] = code.replaceAll("_", " ").split(".");
  const shown =
    area === "vm" || area === "qmp" ? area.toUpperCase() : area.charAt(0).toUpperCase() + area.slice(1);
  return `${shown}: ${rest.join(".")}`;
}

const codeByStatus: Readonly<Record<number, FaultCode>> = {
  400: "request.malformed",
  401: "auth.required",
  403: "auth.forbidden",
  404: "request.unknown_route",
  405: "request.method_not_allowed",
  408: "request.timeout",
  410: "store.compacted",
  412: "request.precondition_failed",
  413: "request.too_large",
  415: "request.unsupported_media_type",
  429: "request.too_many",
};

/**
 * Reads the fault out of an error reply. A code this version does not know (a newer server) degrades to the
 * nearest one of the same status and is kept in `details.code`; so is a reply that is no problem at all (a proxy).
 */
export function faultFromReply(status: number, body: string): Fault {
  const problem = parseProblem(body);
  if (problem === undefined) {
    return new Fault(
      codeByStatus[status] ?? "host.unreachable",
      `The server answered with status ${status} and no explanation; look at its log.`,
      {
        details: { status },
      },
    );
  }
  const details = { ...problem.details, status, requestId: problem.requestId };
  if (isFaultCode(problem.code)) return new Fault(problem.code, problem.detail, { details });
  return new Fault(
    codeByStatus[status] ?? (status >= 500 ? "host.unreachable" : "store.conflict"),
    problem.detail,
    {
      details: { ...details, code: problem.code },
    },
  );
}

function parseProblem(body: string): Problem | undefined {
  try {
    const value = JSON.parse(body) as Partial<Problem> | null;
    return typeof value === "object" &&
      value !== null &&
      typeof value.code === "string" &&
      typeof value.detail === "string"
      ? (value as Problem)
      : undefined;
  } catch {
    return undefined; // not JSON: something between us and the server answered
  }
}
