import { problemContentType, problemFrom } from "@serai/api-contract/problem";
import type { Problem } from "@serai/api-contract/schemas";
import { errorChain, Fault } from "@serai/kit/fault";
import type { Logger } from "@serai/kit/logger";
import type { FastifyReply, FastifyRequest } from "fastify";

/** What the HTTP machinery refuses, in our words. */
const frameworkFaults: Readonly<Record<string, () => Fault>> = {
  FST_ERR_BAD_URL: () =>
    new Fault("request.malformed", "The URL is not validly percent-encoded; correct it."),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () =>
    new Fault(
      "request.unsupported_media_type",
      "The body's content type is not understood here; send `content-type: application/json`.",
    ),
  FST_ERR_CTP_EMPTY_TYPE: () =>
    new Fault(
      "request.unsupported_media_type",
      "The body has no content type; send `content-type: application/json`.",
    ),
  FST_ERR_CTP_BODY_TOO_LARGE: () => new Fault("request.too_large", "The body is too large; send less."),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () =>
    new Fault("request.malformed", "The body's length is not what Content-Length says; correct the header."),
  FST_ERR_MAX_PARAM_LENGTH: () =>
    new Fault("request.malformed", "A part of the path is too long; shorten it."),
};

/** Turns whatever was thrown into the fault to answer with; undefined for a bug. */
export function faultOf(error: unknown): Fault | undefined {
  if (error instanceof Fault) return error;
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" && Object.hasOwn(frameworkFaults, code)
    ? frameworkFaults[code]?.()
    : undefined;
}

/** Answers with the problem of a fault; a bug becomes a 500 that hides everything but the request's id. */
export function sendProblem(
  reply: FastifyReply,
  error: unknown,
  { request, logger }: { request: FastifyRequest; logger: Logger },
) {
  const fault = faultOf(error);
  let problem: Problem;
  if (fault !== undefined) {
    problem = problemFrom(
      { code: fault.code, message: fault.message, ...(fault.details && { details: { ...fault.details } }) },
      request.id,
    );
    addHeaders(reply, fault);
  } else {
    // A request whose client is gone fails by that alone: nobody reads the answer, and it is no bug.
    if (!isClientGone(request, error)) {
      logger.error(
        {
          requestId: request.id,
          method: request.method,
          route: request.routeOptions.url,
          stack: (error as Error).stack,
        },
        errorChain(error),
      );
    }
    problem = {
      type: "urn:serai:bug",
      title: "Internal error",
      status: 500,
      detail: `This is a bug in Serai; please report it with the log line of request ${request.id}.`,
      code: "internal",
      requestId: request.id,
    };
  }
  return reply
    .code(problem.status)
    .header("content-type", problemContentType)
    .header("cache-control", "no-store")
    .send(JSON.stringify(problem));
}

function addHeaders(reply: FastifyReply, fault: Fault): void {
  if (fault.kind === "unauthenticated") reply.header("www-authenticate", "Bearer");
  const wait = fault.details?.["retryAfterSeconds"];
  if (typeof wait === "number") reply.header("retry-after", String(wait));
}

function isClientGone({ raw }: FastifyRequest, error: unknown): boolean {
  if (!raw.socket.destroyed) return false;
  return (
    error instanceof Error &&
    (error.name === "AbortError" || (error as NodeJS.ErrnoException).code === "ECONNRESET")
  );
}
