import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { closeCodes } from "@serai/api-contract/watch-frame";
import { Fault } from "@serai/kit/fault";
import { http } from "@serai/kit/http";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { WebSocket, WebSocketServer } from "ws";
import type { Limits } from "./limits.ts";

/** Who uses a socket once it is open. */
export type SocketUser = {
  /** Uses it until it closes; never throws: it closes the socket with a code instead. */
  attach(socket: WebSocket): void;
  /** The client went away before the socket was open: let go of what was prepared. */
  abandon(): void;
};

const keyPattern = /^[+/0-9A-Za-z]{22}==$/;

type Upgrade = { socket: Duplex; head: Buffer };

export type WebSockets = {
  /** Routes an upgrade request like any other, so that authentication and validation answer in plain HTTP. */
  onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Throws `request.malformed` unless the request wants to become a WebSocket. */
  requireUpgrade(request: FastifyRequest): void;
  accept(request: FastifyRequest, reply: FastifyReply, user: SocketUser): Promise<void>;
  close(): void;
};

export function createWebSockets(fastify: FastifyInstance, limits: Limits): WebSockets {
  const upgrades = new WeakMap<IncomingMessage, Upgrade>();
  let opening: Promise<WebSocketServer> | undefined;
  let server: WebSocketServer | undefined;
  /** Loaded when the first client wants one. */
  const open = async () => {
    const { WebSocketServer: Server } = await import("ws");
    // Deflate would cost memory per connection and time per frame; local networks gain nothing from it.
    server = new Server({
      noServer: true,
      perMessageDeflate: false,
      maxPayload: 1024 * 1024,
      clientTracking: true,
    });
    return server;
  };

  const silent = new WeakSet<WebSocket>();
  const ping = setInterval(() => pingAll(server?.clients ?? [], silent), limits.webSocketPingMs);
  ping.unref();
  return {
    onUpgrade(request, socket, head) {
      socket.on("error", () => socket.destroy());
      upgrades.set(request, { socket, head });
      const response = new http.ServerResponse(request);
      response.shouldKeepAlive = false;
      response.assignSocket(socket as never);
      // A refused upgrade ends the connection; an accepted one is hijacked and never finishes this response.
      response.on("finish", () => socket.end());
      fastify.routing(request, response);
    },
    requireUpgrade(request) {
      const { headers } = request;
      const isComplete =
        headers["sec-websocket-version"] === "13" && keyPattern.test(headers["sec-websocket-key"] ?? "");
      if (upgrades.has(request.raw) && headers.upgrade?.toLowerCase() === "websocket" && isComplete) return;
      throw new Fault("request.malformed", "This is a WebSocket; connect with a WebSocket client.");
    },
    async accept(request, reply, user) {
      const upgrade = upgrades.get(request.raw);
      if (upgrade === undefined) throw new Error("accept without upgrade");
      const opened = await (opening ??= open());
      reply.hijack();
      reply.raw.detachSocket(upgrade.socket as never);
      let isOpen = false;
      opened.handleUpgrade(request.raw, upgrade.socket, upgrade.head, (socket) => {
        isOpen = true;
        socket.on("error", () => socket.terminate());
        socket.on("pong", () => silent.delete(socket));
        user.attach(socket);
      });
      if (!isOpen) user.abandon();
    },
    close() {
      clearInterval(ping);
      for (const socket of server?.clients ?? []) socket.close(closeCodes.goingAway, "the server stops");
    },
  };
}

/** Ends those that did not answer the last ping. */
function pingAll(sockets: Iterable<WebSocket>, silent: WeakSet<WebSocket>): void {
  for (const socket of sockets) {
    if (silent.has(socket)) socket.terminate();
    else {
      silent.add(socket);
      socket.ping();
    }
  }
}
