import type { FaultCode } from "@serai/kit/fault";
import type { Static, TObject, TSchema } from "typebox";

export type Method = "GET" | "POST" | "PATCH" | "PUT" | "DELETE" | "HEAD";

/** Who may call: nobody in particular, a viewer (reads), an operator (acts), an admin (people and tokens). */
export type Access = "public" | "viewer" | "operator" | "admin";

export type Route = {
  method: Method;
  /** Fastify style: `/v1/vms/:vm`. */
  path: string;
  summary: string;
  access: Access;
  tag: "vms" | "images" | "networks" | "operations" | "events" | "host" | "access";
  params?: TObject;
  query?: TObject;
  body?: TSchema;
  /** Status → schema of the JSON reply; `null` for no body; a media type for other content. */
  replies: Readonly<Record<number, TSchema | null | { contentType: string }>>;
  faults: readonly FaultCode[];
  /** Accepts `Idempotency-Key`. */
  isIdempotent?: boolean;
  /** Honours `If-Match` and sends `ETag`. */
  hasEtag?: boolean;
  /** Raw request body of this type instead of JSON. */
  upload?: { contentType: string };
  /** WebSocket upgrade with this subprotocol; `replies` is then empty. */
  webSocket?: { protocol: string; description: string };
};

export function route<const R extends Route>(definition: R): R {
  return definition;
}

export type ParamsOf<R extends Route> = R extends { params: infer S extends TObject }
  ? Static<S>
  : Record<never, never>;
export type QueryOf<R extends Route> = R extends { query: infer S extends TObject }
  ? Static<S>
  : Record<never, never>;
export type BodyOf<R extends Route> = R extends { body: infer S extends TSchema } ? Static<S> : undefined;
