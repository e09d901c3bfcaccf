import { isEnded, type Operation } from "@serai/model/operation";
import type { Static, TSchema } from "typebox";
import { faultFromReply } from "./problem.ts";
import type { Route } from "./route.ts";
import { routes, type RouteName } from "./routes.ts";
import type { Transport, TransportBody, TransportRequest } from "./transport.ts";

type Routes = typeof routes;
type Optionals<S> = { [K in keyof S]?: S[K] };
type ParamsInput<R> = R extends { params: infer S extends TSchema }
  ? { params: Static<S> }
  : { params?: undefined };
type QueryInput<R> = R extends { query: infer S extends TSchema }
  ? { query?: Optionals<Static<S>> }
  : { query?: undefined };
type BodyInput<R> = R extends { upload: unknown }
  ? { body: TransportBody }
  : R extends { body: infer S extends TSchema }
    ? S extends { "~optional": true }
      ? { body?: Static<S> }
      : { body: Static<S> }
    : { body?: undefined };

export type CallInput<N extends RouteName> = ParamsInput<Routes[N]> &
  QueryInput<Routes[N]> &
  BodyInput<Routes[N]> & {
    /** For instance `idempotency-key`, or `if-match` with `etagOf(generation)`. */
    headers?: Readonly<Record<string, string>>;
  };

type ReplySchemas<R> = R extends { replies: infer M } ? M[keyof M] : never;
// TSchema is any object to the compiler, so the narrower kind is asked for first.
type ReplyFrom<S> = S extends { contentType: string }
  ? Uint8Array
  : S extends TSchema
    ? Static<S>
    : undefined;
export type ReplyOf<N extends RouteName> = ReplyFrom<ReplySchemas<Routes[N]>>;

export type Download = {
  body: AsyncIterable<Uint8Array>;
  sizeBytes: number;
  /** As the server proposes. */
  fileName: string;
};

export type Client = {
  /** Calls a route. Throws the server's `Fault`, or `host.unreachable` when there is no server. */
  call<N extends RouteName>(name: N, input: CallInput<N>, signal: AbortSignal): Promise<ReplyOf<N>>;
  /** Calls a route that answers with a file, without holding it in memory. */
  download<N extends "exportImage" | "exportVm">(
    name: N,
    input: CallInput<N>,
    signal: AbortSignal,
  ): Promise<Download>;
};

export type ClientOptions = {
  /** An API token; not needed over the local socket or with a session cookie. */
  token?: string;
};

const decoder = new TextDecoder();

/** The value of `If-Match` that names a generation. */
export const etagOf = (generation: number): string => `"${generation}"`;

/** Makes a client of every route of the contract. */
export function createClient(transport: Transport, options: ClientOptions = {}): Client {
  const requestOf = (route: Route, input: unknown): TransportRequest => {
    const { params, query, body, headers } = input as {
      params?: Record<string, string>;
      query?: Record<string, unknown>;
      body?: unknown;
      headers?: Record<string, string>;
    };
    return {
      method: route.method,
      path: pathOf(route, params, query),
      headers: {
        accept: "application/json",
        ...(options.token !== undefined && { authorization: `Bearer ${options.token}` }),
        ...contentType(route, body),
        ...headers,
      },
      ...(body !== undefined && { body: route.upload ? (body as TransportBody) : JSON.stringify(body) }),
    };
  };
  return {
    async call(name, input, signal) {
      const route: Route = routes[name];
      const reply = await transport.request(requestOf(route, input), signal);
      if (reply.status >= 400) throw faultFromReply(reply.status, decoder.decode(reply.body));
      return replyFrom(route, reply.status, reply.body) as never;
    },
    async download(name, input, signal) {
      if (transport.download === undefined) throw new Error("this way to the server cannot download files");
      const { status, headers, body } = await transport.download(requestOf(routes[name], input), signal);
      if (status >= 400) throw faultFromReply(status, await textOf(body));
      return {
        body,
        sizeBytes: Number(headers["content-length"] ?? 0),
        fileName: /filename="([^"/\\]+)"/.exec(headers["content-disposition"] ?? "")?.[1] ?? "download",
      };
    },
  };
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  let text = "";
  const parts = new TextDecoder();
  for await (const chunk of body) text += parts.decode(chunk, { stream: true });
  return text;
}

function contentType(route: Route, body: unknown): Record<string, string> {
  if (route.upload) return { "content-type": route.upload.contentType };
  return body === undefined ? {} : { "content-type": "application/json" };
}

function replyFrom(route: Route, status: number, body: Uint8Array): unknown {
  const schema = route.replies[status];
  if (schema === null || body.length === 0) return undefined;
  if (schema !== undefined && "contentType" in schema) return body;
  return JSON.parse(decoder.decode(body));
}

/** Fills a route's path with its parameters and adds the query. Also for WebSocket routes. */
export function pathOf(
  route: Route,
  params: Readonly<Record<string, string>> = {},
  query: Readonly<Record<string, unknown>> = {},
): string {
  const path = route.path.replace(/:([A-Za-z]+)/g, (_, key: string) => encodeURIComponent(params[key] ?? ""));
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined) search.set(key, String(value));
  }
  const text = search.toString();
  return text === "" ? path : `${path}?${text}`;
}

export type Waiting = {
  /** Called at the start and whenever phase, progress or note differ from the time before. */
  onProgress?: (operation: Operation) => void;
};

/** Waits until an operation has ended, well or badly; the caller looks at its phase. */
export async function waitForOperation(
  client: Client,
  id: string,
  waiting: Waiting,
  signal: AbortSignal,
): Promise<Operation> {
  let shown = "";
  // The server answers early when the operation ends; a short wait is only for the sake of progress.
  const waitMs = waiting.onProgress === undefined ? 20_000 : 500;
  for (;;) {
    const operation: Operation = await client.call(
      "getOperation",
      { params: { operation: id }, query: { waitMs: shown === "" ? 50 : waitMs } },
      signal,
    );
    const now = JSON.stringify([operation.phase, operation.progress, operation.note]);
    if (now !== shown) waiting.onProgress?.(operation);
    shown = now;
    if (isEnded(operation)) return operation;
  }
}

/** Reads all pages of a list. */
export async function* listAll<
  N extends
    | "listVms"
    | "listImages"
    | "listNetworks"
    | "listSecurityGroups"
    | "listOperations"
    | "listEvents",
>(
  client: Client,
  name: N,
  query: NonNullable<CallInput<N>["query"]>,
  signal: AbortSignal,
): AsyncGenerator<ReplyOf<N>["items"][number]> {
  let after: string | undefined;
  do {
    const page = (await client.call(
      name,
      { query: { ...query, ...(after !== undefined && { after }) } } as CallInput<N>,
      signal,
    )) as {
      items: ReplyOf<N>["items"][number][];
      next?: string;
    };
    yield* page.items;
    after = page.next;
  } while (after !== undefined);
}
