import { mkdtemp, rm } from "node:fs/promises";
import { request as httpRequest, Agent as HttpAgent } from "node:http";
import { request as httpsRequest, Agent as HttpsAgent } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { after } from "node:test";
import type { Services } from "@serai/control/services/services";
import { createLogger } from "@serai/kit/logger";
import { WebSocket } from "ws";
import { createApiServer, type ApiServerOptions } from "../src/create-api-server.ts";
import { testCertificate } from "./certificate.ts";

export type Sent = { method?: string; headers?: Record<string, string>; body?: string | Uint8Array };
export type Got = {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  json: () => Record<string, unknown>;
};

export type ApiWorld = {
  url: string;
  port: number;
  socketPath: string;
  /** Over TLS, without credentials unless given. */
  send(path: string, sent?: Sent): Promise<Got>;
  /** Over the local socket. */
  sendLocal(path: string, sent?: Sent): Promise<Got>;
  /** Bytes as they are, over TLS; resolves with all that comes back until the server closes. */
  raw(bytes: string): Promise<string>;
  webSocket(path: string, headers?: Record<string, string>): WebSocket;
  /** What was logged at error level. */
  errors: string[];
  close(): Promise<void>;
};

/** The real server over real TLS and a real local socket. */
export async function startApi(
  services: Services,
  options: Partial<ApiServerOptions> = {},
): Promise<ApiWorld> {
  const tls = testCertificate();
  const dir = await mkdtemp(join(tmpdir(), "serai-api-"));
  const socketPath = join(dir, "api.sock");
  const logger = createLogger("test", "silent");
  const errors: string[] = [];
  logger.error = ((...parts: unknown[]) => void errors.push(JSON.stringify(parts))) as typeof logger.error;
  const api = await createApiServer({ services, logger, version: "9.9.9", tls, ...options });
  const url = await api.listen({ host: "127.0.0.1", port: 0 });
  await api.listen({ socketPath });
  const port = Number(new URL(url).port);
  const tlsAgent = new HttpsAgent({ keepAlive: true, ca: tls.cert, maxSockets: 16 });
  const localAgent = new HttpAgent({ keepAlive: true, maxSockets: 32 });
  let isClosed = false;
  const close = async () => {
    if (isClosed) return;
    isClosed = true;
    tlsAgent.destroy();
    localAgent.destroy();
    await api.close();
    await rm(dir, { recursive: true });
  };
  after(close);
  return {
    url,
    port,
    socketPath,
    errors,
    close,
    send: (path, sent) =>
      exchange(
        httpsRequest({
          host: "localhost",
          port,
          path,
          agent: tlsAgent,
          method: sent?.method ?? "GET",
          headers: sent?.headers,
        }),
        sent?.body,
      ),
    sendLocal: (path, sent) =>
      exchange(
        httpRequest({
          socketPath,
          path,
          agent: localAgent,
          method: sent?.method ?? "GET",
          headers: sent?.headers,
        }),
        sent?.body,
      ),
    raw: (bytes) =>
      new Promise((resolve) => {
        const socket = connectTls(
          { host: "localhost", port, ca: tls.cert, ALPNProtocols: ["http/1.1"] },
          () => socket.write(bytes),
        );
        let text = "";
        socket.on("data", (chunk) => (text += String(chunk)));
        socket.on("error", () => {}); // a reset is an end too
        socket.on("close", () => resolve(text));
      }),
    webSocket: (path, headers = {}) =>
      new WebSocket(`wss://localhost:${port}${path}`, ["binary", "serai.v1"], { ca: tls.cert, headers }),
  };
}

function exchange(
  request: ReturnType<typeof httpRequest>,
  body: string | Uint8Array | undefined,
): Promise<Got> {
  return new Promise((resolve, reject) => {
    request.on("error", reject);
    request.setTimeout(15_000, () => request.destroy(new Error("no answer within 15 s")));
    request.on("response", (reply) => {
      const chunks: Buffer[] = [];
      reply.on("data", (chunk: Buffer) => chunks.push(chunk));
      reply.on("error", reject);
      reply.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        resolve({
          status: reply.statusCode ?? 0,
          headers: reply.headers,
          text,
          json: () => JSON.parse(text) as Record<string, unknown>,
        });
      });
    });
    // Node frames no body of GET and HEAD by itself; unframed it would count as the next request.
    if (body !== undefined && !request.hasHeader("content-length"))
      request.setHeader("content-length", Buffer.byteLength(body));
    request.end(body);
  });
}

export const bearer = (secret: string): Record<string, string> => ({ authorization: `Bearer ${secret}` });
export const jsonHeaders = (secret: string): Record<string, string> => ({
  ...bearer(secret),
  "content-type": "application/json",
});
