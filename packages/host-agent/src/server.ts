import { once } from "node:events";
import { chmod, chown, rm } from "node:fs/promises";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { Readable, type Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { errorChain, Fault, faultToJson } from "@serai/kit/fault";
import { http } from "@serai/kit/http";
import type { Logger } from "@serai/kit/logger";
import { IdSchema } from "@serai/model/host-request";
import { schemaCheck } from "@serai/model/schema-check";
import type { HostAgent } from "./host-agent.ts";
import { hostRequests, type HostRequest } from "./requests.ts";

export type HostServerOptions = {
  agent: Omit<HostAgent, "close">;
  socketPath: string;
  /** The group that may connect besides the owner: control's. */
  gid?: number;
  logger: Logger;
};

export type HostServer = { close(): Promise<void> };

const stepDeadlineMs = 15 * 60_000;
const idCheck = schemaCheck(IdSchema);

/**
 * Offers the host to the process that controls it, on a unix socket: `POST /v1/<request>` with JSON both ways,
 * `POST /v1/sightings` as a stream of JSON lines, and `Upgrade` on `/v1/streams/<vm>/<stream>` for raw bytes.
 */
export async function serveHost({ agent, socketPath, gid, logger }: HostServerOptions): Promise<HostServer> {
  const ended = new AbortController();
  const context = { agent, logger, ended: ended.signal };
  const server = http.createServer({ keepAliveTimeout: 0, requestTimeout: 60_000, maxHeaderSize: 4096 });
  server.on("request", (request, response) => void answer(context, request, response));
  server.on("upgrade", (request, socket, head) => void upgrade(context, request, { socket, head }));
  const sockets = new Set<Duplex>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await listen(server, socketPath);
  await chmod(socketPath, 0o660);
  if (gid !== undefined) await chown(socketPath, -1, gid);
  return {
    close: async () => {
      ended.abort(new Fault("host.unreachable", "The host's daemon is stopping."));
      server.close();
      for (const socket of sockets) socket.destroy();
      await rm(socketPath, { force: true });
    },
  };
}

async function listen(server: Server, socketPath: string): Promise<void> {
  await rm(socketPath, { force: true }); // left by a daemon that was killed; the state lock says it is gone
  server.listen(socketPath);
  await once(server, "listening");
}

type Context = { agent: Omit<HostAgent, "close">; logger: Logger; ended: AbortSignal };

async function answer(context: Context, message: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.on("close", () => gone.abort(new Fault("request.cancelled", "Whoever asked is gone.")));
  try {
    const name = /^\/v1\/([a-z-]+)$/.exec(message.url ?? "")?.[1] ?? "";
    if (message.method !== "POST")
      throw new Fault("request.method_not_allowed", "Requests to a host are POST.");
    if (name === "sightings")
      return await stream(context, response, AbortSignal.any([gone.signal, context.ended]));
    const request = Object.hasOwn(hostRequests, name) ? hostRequests[name] : undefined;
    if (request === undefined) throw new Fault("request.unknown_route", "A host knows no such request.");
    const body = await readBody(message, request);
    const ends = [context.ended, AbortSignal.timeout(stepDeadlineMs)];
    if (request.outlivesCaller !== true) ends.push(gone.signal);
    reply(response, 200, await request.run(context.agent, body as never, AbortSignal.any(ends)));
  } catch (error) {
    fail(context, response, error);
  }
}

async function readBody(message: IncomingMessage, request: HostRequest): Promise<unknown> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of message as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > request.maxBytes)
      throw new Fault("request.too_large", "The request to the host is too large.");
    parts.push(part);
  }
  const body = parse(Buffer.concat(parts).toString("utf8"));
  if (!request.isValid(body))
    throw new Fault("request.malformed", "The request to the host does not have its shape.");
  return body;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // no request has that shape
  }
}

function isExport(body: unknown): body is { content: Readable; sizeBytes: number } {
  return typeof body === "object" && body !== null && "content" in body && body.content instanceof Readable;
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  if (response.destroyed) {
    if (isExport(body)) body.content.destroy();
    return;
  }
  if (isExport(body)) {
    // Whichever end goes first, the other goes too, and with the stream what was made for it.
    response.writeHead(status, {
      "content-type": "application/octet-stream",
      "content-length": body.sizeBytes,
    });
    pipeline(body.content, response).catch(() => {});
    return;
  }
  if (body instanceof Uint8Array) {
    response.writeHead(status, {
      "content-type": "application/octet-stream",
      "content-length": body.byteLength,
    });
    response.end(body);
    return;
  }
  const text = JSON.stringify(body ?? null);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}

function fail({ logger }: Context, response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  if (error instanceof Fault) return reply(response, 409, { fault: faultToJson(error) });
  logger.error(
    { error: errorChain(error), stack: error instanceof Error ? error.stack : undefined },
    "a request failed",
  );
  reply(response, 500, { bug: "the host failed in a way nobody foresaw" });
}

async function stream({ agent }: Context, response: ServerResponse, signal: AbortSignal): Promise<void> {
  response.writeHead(200, { "content-type": "application/x-ndjson" });
  response.flushHeaders();
  await pipeline(lines(agent.sightings(signal)), response).catch(() => {}); // either end may go at any time
}

async function* lines(items: AsyncIterable<unknown>): AsyncGenerator<string> {
  for await (const item of items) yield `${JSON.stringify(item)}\n`;
}

type Upgraded = { socket: Duplex; head: Buffer };

async function upgrade(
  context: Context,
  message: IncomingMessage,
  { socket, head }: Upgraded,
): Promise<void> {
  socket.on("error", () => socket.destroy());
  try {
    const [, vm = "", name = ""] =
      /^\/v1\/streams\/([a-z0-9-]+)\/(serial|display)$/.exec(message.url ?? "") ?? [];
    if (!idCheck.matches(vm))
      throw new Fault("request.malformed", "The request to the host does not have its shape.");
    const inner = await context.agent.openStream(vm, name as "serial" | "display", context.ended);
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: serai-stream\r\n\r\n");
    if (head.length > 0) socket.unshift(head);
    await Promise.allSettled([pipeline(socket, inner), pipeline(inner, socket)]);
  } catch (error) {
    if (!(error instanceof Fault))
      context.logger.error({ error: errorChain(error) }, "a stream could not be opened");
    const body = JSON.stringify(
      error instanceof Fault ? { fault: faultToJson(error) } : { bug: "see the host's log" },
    );
    const length = Buffer.byteLength(body);
    socket.end(
      `HTTP/1.1 409 Conflict\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n${body}`,
    );
  }
}
