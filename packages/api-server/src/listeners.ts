import type { RequestListener, Server as HttpServer } from "node:http";
import { createServer as createHttpsServer, type Server as HttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { problemContentType, problemFrom } from "@serai/api-contract/problem";
import { Fault, type FaultCode } from "@serai/kit/fault";
import { http } from "@serai/kit/http";
import type { Limits } from "./limits.ts";
import type { WebSockets } from "./web-socket.ts";

export type Tls = { key: string | Buffer; cert: string | Buffer };
/** `tls: false` on TCP is for tests and for a proxy on the same machine. */
export type ListenWhere = { host: string; port: number } | { socketPath: string };
export type Listener = { url: string; close(): Promise<void>; closeIdle(): void; closeAll(): void };

export type ListenOptions = {
  where: ListenWhere;
  tls: Tls | undefined;
  handler: RequestListener;
  webSockets: WebSockets;
  limits: Limits;
};

/** Opens one listening socket with every bound set. Throws a fault that says what to do when it cannot. */
export async function openListener({
  where,
  tls,
  handler,
  webSockets,
  limits,
}: ListenOptions): Promise<Listener> {
  const options = {
    headersTimeout: limits.headersMs,
    // Bodies have their own bounds: an upload may take hours as long as it moves.
    requestTimeout: 0,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: Math.min(2000, limits.headersMs),
    maxHeaderSize: 16 * 1024,
    insecureHTTPParser: false,
    requireHostHeader: false,
  };
  const isSecure = tls !== undefined && !("socketPath" in where);
  const server = isSecure
    ? createHttpsServer(
        { ...options, ...tls, minVersion: "TLSv1.2", handshakeTimeout: limits.headersMs },
        handler,
      )
    : http.createServer(options, handler);
  server.timeout = limits.idleMs;
  server.maxConnections = limits.maxConnections;
  server.maxHeadersCount = 100;
  server.on("upgrade", webSockets.onUpgrade);
  server.on("clientError", answerClientError);
  server.on("checkContinue", handler);
  await listen(server, where);
  return {
    url: urlOf(server, where, isSecure),
    close: () => new Promise((resolve) => server.close(() => resolve())),
    closeIdle: () => server.closeIdleConnections(),
    closeAll: () => server.closeAllConnections(),
  };
}

function listen(server: HttpServer | HttpsServer, where: ListenWhere): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(listenFault(error, where)));
    server.listen(
      "socketPath" in where ? { path: where.socketPath } : { host: where.host, port: where.port },
      resolve,
    );
  });
}

function listenFault(error: NodeJS.ErrnoException, where: ListenWhere): Error {
  const shown = "socketPath" in where ? where.socketPath : `${where.host}:${where.port}`;
  const sentences: Record<string, string> = {
    EADDRINUSE: `${shown} is taken by another program; stop it, or choose another address.`,
    EACCES: `${shown} may not be opened by this user; choose a port above 1023, or run as root.`,
    EADDRNOTAVAIL: `${shown} is not an address of this machine; choose one that is.`,
  };
  const sentence = sentences[error.code ?? ""];
  return sentence === undefined ? error : new Fault("setup.failed", sentence, { cause: error });
}

function urlOf(server: HttpServer | HttpsServer, where: ListenWhere, isSecure: boolean): string {
  if ("socketPath" in where) return `unix:${where.socketPath}`;
  const { address, port, family } = server.address() as AddressInfo;
  const host =
    address === "127.0.0.1" || address === "::1" ? "localhost" : family === "IPv6" ? `[${address}]` : address;
  return `${isSecure ? "https" : "http"}://${host}:${port}`;
}

/** What the HTTP parser refuses never reaches a route: answer here, in the same form. */
function answerClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  const [code, message] = parserFaults[error.code ?? ""] ?? [
    "request.malformed",
    "This is not a valid HTTP/1.1 request; check the client.",
  ];
  const problem = problemFrom({ code, message }, "none");
  const body = JSON.stringify(problem);
  const head = `HTTP/1.1 ${problem.status} ${problem.title}\r\ncontent-type: ${problemContentType}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n`;
  socket.end(head + body, () => socket.destroy());
}

const parserFaults: Readonly<Record<string, [FaultCode, string]>> = {
  HPE_HEADER_OVERFLOW: [
    "request.headers_too_large",
    "The headers are larger than 16 KiB; send fewer or shorter ones.",
  ],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ["request.too_large", "The chunk extensions are too large; leave them out."],
  ERR_HTTP_REQUEST_TIMEOUT: ["request.timeout", "The request did not arrive in time; send it faster."],
};
