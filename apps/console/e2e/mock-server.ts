import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { extname, join, normalize } from "node:path";
import { text } from "node:stream/consumers";
import type { AddressInfo, Socket } from "node:net";
import { createMockApi, type MockApi } from "@serai/api-contract/mock-api";
import type { WatchFrame } from "@serai/api-contract/watch-frame";
import { WebSocketServer, type WebSocket } from "ws";
import { serveRfb } from "./mock-rfb.ts";

export type MockServer = AsyncDisposable & {
  url: string;
  api: MockApi;
  /** While true, connections are cut instead of answered. */
  isDown: boolean;
  /** What the next request of this method and path (`*` for any) gets instead of the mock's answer. */
  refuse(
    method: string,
    path: string,
    problem: { status: number; code: string; detail: string; details?: unknown },
  ): void;
  /** What came in on the serial port and the screen's keyboard. */
  typed: string;
  keys: number[];
  /** Requests so far, as "GET /v1/vms". */
  requests: string[];
  uploadedBytes: number;
};

const dist = join(import.meta.dirname, "../dist");
const types: Readonly<Record<string, string>> = {
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
  ".html": "text/html; charset=utf-8",
};
// Stricter than or equal to what the daemon sends, so that a violation shows here first.
const security =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** The built console over the mock API, with a serial port that echoes and a small screen. */
export async function startMockServer(
  options: { vmCount?: number; needsLogin?: boolean } = {},
): Promise<MockServer> {
  const api = createMockApi({ nowMs: () => Date.now(), ...options });
  const refusals = new Map<string, { status: number } & Record<string, unknown>>();
  const sockets = new Set<Socket>();
  const http = createServer((request, reply) => {
    if (server.isDown) return void request.socket.destroy();
    answer(request, reply).catch((error: unknown) => {
      console.error(error);
      reply.writeHead(500).end();
    });
  });

  async function answer(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    const path = request.url ?? "/";
    if (!path.startsWith("/v1/")) return sendFile(path, reply);
    const name = `${request.method} ${path.split("?")[0]}`;
    server.requests.push(name);
    const body = await text(request);
    const any = `${request.method} *`;
    const refusal = refusals.get(name) ?? refusals.get(any);
    if (refusal !== undefined) {
      refusals.delete(name);
      refusals.delete(any);
      reply
        .writeHead(refusal.status, { "content-type": "application/problem+json" })
        .end(JSON.stringify(refusal));
      return;
    }
    if (request.method === "PUT") server.uploadedBytes += body.length;
    const {
      status,
      headers,
      body: sent,
    } = api.handle({
      method: request.method ?? "GET",
      path,
      headers: request.headers as Record<string, string>,
      body,
    });
    reply.writeHead(status, headers).end(sent);
  }

  const webSockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  http.on("upgrade", (request, socket, head) => {
    const who = api.handle({
      method: "GET",
      path: "/v1/me",
      headers: request.headers as Record<string, string>,
    });
    if (server.isDown) return void socket.destroy();
    if (who.status === 401) return void socket.end("HTTP/1.1 401 Unauthorized\r\nconnection: close\r\n\r\n");
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      const url = new URL(request.url ?? "/", "http://mock");
      if (url.pathname === "/v1/watch") follow(api, webSocket, url.searchParams.get("from"));
      else if (url.pathname.endsWith("/serial")) serveSerial(server, webSocket);
      else serveRfb(webSocket, (key) => server.keys.push(key));
    });
  });
  http.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const timer = setInterval(() => api.advance(), 150);

  let isDown = false;
  const server: MockServer = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    api,
    get isDown() {
      return isDown;
    },
    set isDown(down) {
      isDown = down;
      if (down) for (const socket of sockets) socket.destroy();
    },
    refuse: (method, path, problem) =>
      refusals.set(`${method} ${path}`, {
        type: "about:blank",
        title: problem.code,
        requestId: "test",
        ...problem,
      }),
    typed: "",
    keys: [],
    requests: [],
    uploadedBytes: 0,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => http.close(resolve));
    },
  };
  return server;
}

function sendFile(path: string, reply: ServerResponse): void {
  const wanted = normalize(path.split("?")[0] ?? "/");
  const file = extname(wanted) === "" ? "/index.html" : wanted;
  try {
    const content = readFileSync(join(dist, file));
    const type = types[extname(file)] ?? "application/octet-stream";
    reply.writeHead(200, { "content-type": type, "content-security-policy": security }).end(content);
  } catch {
    reply.writeHead(404).end(); // no such file, which is an answer too
  }
}

function follow(api: MockApi, socket: WebSocket, from: string | null): void {
  const send = (frame: WatchFrame) => socket.send(JSON.stringify(frame));
  socket.once("close", api.follow(from === null ? undefined : Number(from), send));
}

function serveSerial(server: MockServer, socket: WebSocket): void {
  socket.send(Buffer.from("mock login: "));
  socket.on("message", (data: Buffer) => {
    server.typed += data.toString();
    socket.send(Buffer.from(data.toString().replaceAll("\r", "\r\n")));
  });
}
