import type { Route } from "@serai/api-contract/route";
import type { Actor } from "@serai/control/services/actor";
import type { Context } from "@serai/control/services/request";
import { Fault } from "@serai/kit/fault";
import { Type } from "@serai/model/schema";
import { schemaCheck, type SchemaCheck } from "@serai/model/schema-check";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { TSchema } from "typebox";
import { explainIssues, sentenceOf } from "./explain-issues.ts";
import type { Call } from "./implement.ts";
import { readQuery } from "./read-query.ts";

/** Makes of a raw request a validated call; throws `request.malformed` with every issue it found. */
export type Reader = (request: FastifyRequest, reply: FastifyReply, actor: Actor | undefined) => Call<Route>;

const stranger: Actor = { name: "anonymous", role: "viewer" };
const noQuery = Type.Object({}, { additionalProperties: false });

export function createReader(route: Route): Reader {
  const params = checker(route.params, "path");
  const query = checker(route.query ?? noQuery, "query");
  const body = checker(route.body, "body");
  return (request, reply, actor = stranger) => {
    const url = request.raw.url ?? "";
    return {
      params: (params?.(request.params) ?? {}) as never,
      query: (url.includes("?") ? query?.(readQuery(url, route.query)) : {}) as never,
      body: readBody(route, request.body, body) as never,
      actor,
      context: contextOf(route, request, actor),
      get signal() {
        return signalOf(request, reply);
      },
      request,
      reply,
    };
  };
}

type Check = (value: unknown) => unknown;

function checker(schema: TSchema | undefined, where: string): Check | undefined {
  if (schema === undefined) return undefined;
  let validator: SchemaCheck | undefined; // made at first use: most routes of most processes are never called
  return (value) => {
    validator ??= schemaCheck(schema);
    if (validator.matches(value)) return value;
    const issues = explainIssues(schema, validator.issues(value), where);
    throw new Fault("request.malformed", sentenceOf(issues), { details: { issues } });
  };
}

function readBody(route: Route, body: unknown, check: Check | undefined): unknown {
  if (route.upload !== undefined) return undefined;
  if (check === undefined) {
    if (body === undefined || isEmptyObject(body)) return undefined;
    throw new Fault("request.malformed", "This request takes no body; leave it out.");
  }
  if (body === undefined) {
    if ((route.body as { "~optional"?: true })["~optional"]) return {};
    throw new Fault(
      "request.malformed",
      "This request needs a JSON body; send one with `content-type: application/json`.",
    );
  }
  return check(body);
}

const isEmptyObject = (value: unknown): boolean =>
  typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;

function contextOf(route: Route, request: FastifyRequest, actor: Actor): Context {
  if (route.method === "GET") return { actor };
  const key = request.headers["idempotency-key"];
  const match = request.headers["if-match"];
  return {
    actor,
    ...(key !== undefined && route.isIdempotent && { idempotencyKey: readKey(key) }),
    ...(match !== undefined && match !== "*" && { expectedGeneration: readGeneration(route, match) }),
  };
}

function readKey(key: string | string[]): string {
  if (typeof key === "string" && /^[\x21-\x7e]{1,200}$/.test(key)) return key;
  throw new Fault(
    "request.malformed",
    "Idempotency-Key must be 1 to 200 printable characters without spaces; send for instance a UUID.",
  );
}

function readGeneration(route: Route, match: string): number {
  const found = /^"(\d{1,15})"$/.exec(match)?.[1];
  if (found !== undefined && route.hasEtag) return Number(found);
  throw new Fault(
    "request.malformed",
    route.hasEtag
      ? 'If-Match must be the ETag of the object as you read it, for instance "3".'
      : "If-Match is not possible on this request; leave it out.",
  );
}

const signals = new WeakMap<FastifyRequest, AbortSignal>();

/** Fires when the connection closes before the reply is complete. */
function signalOf(request: FastifyRequest, reply: FastifyReply): AbortSignal {
  let signal = signals.get(request);
  if (signal === undefined) {
    const controller = new AbortController();
    reply.raw.once("close", () => {
      if (!reply.raw.writableFinished) controller.abort();
    });
    signal = controller.signal;
    signals.set(request, signal);
  }
  return signal;
}
