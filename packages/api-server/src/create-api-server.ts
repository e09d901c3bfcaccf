import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import type { Route } from "@serai/api-contract/route";
import type { Services } from "@serai/control/services/services";
import type { Actor } from "@serai/control/services/actor";
import { Fault } from "@serai/kit/fault";
import { http } from "@serai/kit/http";
import type { Logger } from "@serai/kit/logger";
import {
  fastify as createFastify,
  type FastifyInstance,
  type FastifyReply,
  type FastifyServerOptions,
  type FastifyRequest,
} from "fastify";
import { createAuthenticator, type Authenticator } from "./authenticate.ts";
import { registerConsole } from "./console-files.ts";
import { createReader } from "./dispatch.ts";
import { registerDocs } from "./docs.ts";
import { accessHandlers } from "./handlers/access.ts";
import { hostHandlers } from "./handlers/host.ts";
import { imageHandlers } from "./handlers/images.ts";
import { operationHandlers } from "./handlers/operations.ts";
import { networkHandlers } from "./handlers/networks.ts";
import { snapshotHandlers } from "./handlers/snapshots.ts";
import { vmHandlers } from "./handlers/vms.ts";
import { watchHandlers } from "./handlers/watch.ts";
import type { Implementation, Server } from "./implement.ts";
import { defaultLimits, type Limits } from "./limits.ts";
import { openListener, type Listener, type ListenWhere, type Tls } from "./listeners.ts";
import { noRouteFault } from "./not-found.ts";
import { sendProblem } from "./problems.ts";
import { readJsonBody } from "./read-json.ts";
import type { Reply } from "./reply.ts";
import { createWebSockets, type WebSockets } from "./web-socket.ts";

export type ApiServerOptions = {
  services: Services;
  logger: Logger;
  version: string;
  /** For every TCP address; the local socket is plain. */
  tls?: Tls;
  /** The built console; without it `/` says how to build it. */
  consoleDir?: string;
  /** Whether the process at the other end of the local socket is an administrator. Default: nobody is. */
  isTrustedPeer?: (socket: Socket) => boolean;
  /** Where people reach the console; default: the first TCP address. */
  publicUrl?: string;
  limits?: Partial<Limits>;
};

export type ApiServer = {
  /** Opens an address (port 0: a free one) and returns its URL. May be called for several. */
  listen(where: ListenWhere): Promise<string>;
  /** Ends listening, closes WebSockets with 1001, lets running requests finish for a moment. */
  close(): Promise<void>;
};

declare module "fastify" {
  interface FastifyRequest {
    actor: Actor | undefined;
  }
}

/** Builds the server of the whole contract; nothing listens yet. */
export async function createApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const limits: Limits = { ...defaultLimits, ...options.limits };
  const { logger, services } = options;
  const fastify = bareFastify(logger);
  const webSockets = createWebSockets(fastify, limits);
  const listeners: Listener[] = [];
  const authenticator = createAuthenticator({
    access: services.access,
    isTrustedPeer: options.isTrustedPeer ?? (() => false),
    limits,
    nowMs: () => performance.now(),
  });
  const server: Server = {
    services,
    version: options.version,
    publicUrl: () =>
      options.publicUrl ??
      listeners.find(({ url }) => url.startsWith("http"))?.url ??
      "https://localhost:7443",
    countGuess: (request) => authenticator.countGuess(request.raw),
  };

  addBodyParsers(fastify, limits);
  const implementations = [
    ...vmHandlers,
    ...imageHandlers,
    ...networkHandlers,
    ...snapshotHandlers,
    ...operationHandlers,
    ...hostHandlers,
    ...accessHandlers,
    ...watchHandlers(logger, limits.webSocketBufferBytes),
  ];
  for (const implementation of implementations)
    addRoute(fastify, implementation, { authenticator, server, webSockets });
  registerDocs(fastify, options.version);
  registerConsole(fastify, options.consoleDir, () => bareFastify(logger));
  await fastify.ready();

  return {
    async listen(where) {
      const listener = await openListener({
        where,
        tls: options.tls,
        handler: fastify.routing,
        webSockets,
        limits,
      });
      listeners.push(listener);
      return listener.url;
    },
    async close() {
      webSockets.close();
      const closed = Promise.all(listeners.map((listener) => listener.close()));
      for (const listener of listeners) listener.closeIdle();
      const timer = setTimeout(() => listeners.forEach((listener) => listener.closeAll()), 1000);
      await closed;
      clearTimeout(timer);
      await fastify.close();
    },
  };
}

function bareFastify(logger: Logger): FastifyInstance {
  const prefix = `${randomBytes(3).toString("hex")}-`;
  let count = 0;
  const options: FastifyServerOptions = {
    genReqId: () => prefix + (++count).toString(36),
    requestIdHeader: false,
    // Only routing is Fastify's: the listening sockets are ours, because there are several.
    serverFactory: (handler) => http.createServer(handler),
    // Validation and serialisation are ours; without this Fastify loads Ajv and a code generator.
    schemaController: {
      compilersFactory: {
        buildValidator: (() => () => () => true) as never,
        buildSerializer: () => () => JSON.stringify,
      },
    },
    routerOptions: { maxParamLength: 4096, ignoreTrailingSlash: false, querystringParser: () => ({}) },
    frameworkErrors: (error, request, reply) =>
      void sendProblem(reply as never, error, { request: request as never, logger }),
    exposeHeadRoutes: true,
  };
  const fastify: FastifyInstance = createFastify(options);
  fastify.decorateRequest("actor", undefined);
  fastify.setErrorHandler((error, request, reply) => sendProblem(reply, error, { request, logger }));
  fastify.setNotFoundHandler((request, reply) => {
    const fault = noRouteFault(request.method, request.raw.url ?? "");
    const allowed = fault.details?.["allowed"];
    if (Array.isArray(allowed)) reply.header("allow", allowed.join(", "));
    return sendProblem(reply, fault, { request, logger });
  });
  return fastify;
}

function addBodyParsers(fastify: FastifyInstance, limits: Limits): void {
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser("application/json", (request: FastifyRequest) =>
    readJsonBody(request.raw, limits),
  );
  // Uploads are streamed by their handler; nothing is read here.
  fastify.addContentTypeParser("application/octet-stream", (request, _payload, done) => {
    const { route } = request.routeOptions.config as { route?: Route };
    if (route?.upload !== undefined) done(null, undefined);
    else
      done(
        new Fault(
          "request.unsupported_media_type",
          "Only image content is sent as application/octet-stream; send `content-type: application/json`.",
        ),
        undefined,
      );
  });
}

type Parts = { authenticator: Authenticator; server: Server; webSockets: WebSockets };

function addRoute(
  fastify: FastifyInstance,
  implementation: Implementation,
  { authenticator, server, webSockets }: Parts,
): void {
  const { route } = implementation;
  const read = createReader(route);
  fastify.route({
    method: route.method,
    url: route.path,
    config: { route },
    onRequest: (request, _reply, done) => {
      request.actor = authenticator.identify(request.raw, route.access);
      done();
    },
    handler: async (request, reply) => {
      const call = read(request, reply, request.actor);
      if ("handle" in implementation) return send(reply, await implementation.handle(call, server));
      webSockets.requireUpgrade(request);
      await webSockets.accept(request, reply, await implementation.connect(call, server));
      return reply;
    },
  });
}

function send(reply: FastifyReply, { status, json, bytes, file, headers }: Reply): FastifyReply {
  reply.code(status).header("cache-control", "no-store").header("x-content-type-options", "nosniff");
  if (headers !== undefined) reply.headers(headers);
  if (bytes !== undefined) return reply.header("content-type", bytes.contentType).send(bytes.content);
  if (file !== undefined) {
    return reply
      .header("content-type", "application/octet-stream")
      .header("content-length", file.sizeBytes)
      .header("content-disposition", `attachment; filename="${file.fileName}"`)
      .send(file.content);
  }
  if (json === undefined) return reply.send();
  return reply.header("content-type", "application/json; charset=utf-8").send(json);
}
