import type { ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import { request as httpsRequest, Agent as HttpsAgent } from "node:https";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { TLSSocket } from "node:tls";
import { Fault } from "@serai/kit/fault";
import { http } from "@serai/kit/http";
import type { Transport, TransportBody, TransportReply, TransportRequest } from "./transport.ts";

export type NodeTarget =
  | { socketPath: string }
  | {
      /** `https://host:port`. */
      url: string;
      /** Certificates to trust besides the system's, PEM. */
      ca?: string;
      /** SHA-256 of the server's certificate, as `AA:BB:…`: trusts exactly that one. */
      fingerprint256?: string;
    };

export type NodeTransport = Transport & { close(): void };

/** Reaches a server from Node with kept-alive connections. A fingerprint, when given, replaces the usual checks. */
export function nodeTransport(target: NodeTarget): NodeTransport {
  const isLocal = "socketPath" in target;
  const isPlain = isLocal || target.url.startsWith("http:");
  const agent = isPlain
    ? new http.Agent({ keepAlive: true, maxSockets: 64 })
    : new HttpsAgent({ keepAlive: true, maxSockets: 64, ...trust(target) });
  const where: RequestOptions = isLocal
    ? { socketPath: target.socketPath, host: "localhost" }
    : hostOf(target.url);
  const start = ({ method, path, headers, body }: TransportRequest, signal: AbortSignal) => {
    const options = { ...where, method, path, headers: { ...headers }, agent, signal };
    return send((isPlain ? http.request : httpsRequest)(options), body, { signal, target });
  };
  return {
    request: async (request, signal) => {
      const message = await start(request, signal);
      try {
        return await collect(message);
      } catch (error) {
        throw signal.aborted ? signal.reason : unreachable(target, error);
      }
    },
    download: async (request, signal) => {
      const message = await start(request, signal);
      return { status: message.statusCode ?? 0, headers: headersOf(message), body: message };
    },
    close: () => agent.destroy(),
  };
}

function trust(target: NodeTarget): { ca?: string; rejectUnauthorized?: boolean } {
  if ("socketPath" in target) return {};
  // The pin is compared on every new connection, before the request (and its token) is sent.
  if (target.fingerprint256 !== undefined) return { rejectUnauthorized: false };
  return target.ca === undefined ? {} : { ca: target.ca };
}

function hostOf(url: string): RequestOptions {
  const { hostname, port, protocol } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ""), port: port || (protocol === "http:" ? 80 : 443) };
}

type Sending = { signal: AbortSignal; target: NodeTarget };

async function send(
  request: ClientRequest,
  body: TransportBody | undefined,
  sending: Sending,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  request.once("response", resolve);
  request.on("error", reject);
  try {
    await checkPin(request, sending.target);
    if (body === undefined || typeof body === "string" || body instanceof Uint8Array) request.end(body);
    // An early refusal closes our side of the upload; the reply then says more than the broken pipe.
    else pipeline(Readable.from(body, { objectMode: false }), request).catch(() => {});
    return await promise;
  } catch (error) {
    promise.catch(() => {}); // reported by the throw below
    request.destroy();
    if (sending.signal.aborted) throw sending.signal.reason;
    throw error instanceof Fault ? error : unreachable(sending.target, error);
  }
}

/** Resolves once the connection is there and shows the pinned certificate; nothing is sent before. */
function checkPin(request: ClientRequest, target: NodeTarget): Promise<void> | undefined {
  if ("socketPath" in target || target.fingerprint256 === undefined) return undefined;
  const wanted = target.fingerprint256.toUpperCase();
  return new Promise((resolve, reject) => {
    request.once("error", reject);
    request.once("socket", (socket) => {
      const tls = socket as TLSSocket;
      const check = () => {
        const shown = tls.getPeerCertificate().fingerprint256;
        if (shown === wanted) resolve();
        else
          reject(
            new Fault(
              "auth.bad_credentials",
              `The server at ${target.url} shows another certificate than the one you trust; log in again if it was replaced.`,
            ),
          );
      };
      if (tls.connecting || !tls.getPeerCertificate().fingerprint256) tls.once("secureConnect", check);
      else check();
    });
  });
}

async function collect(message: IncomingMessage): Promise<TransportReply> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for await (const chunk of message) chunks.push(chunk as Uint8Array<ArrayBuffer>);
  return {
    status: message.statusCode ?? 0,
    headers: headersOf(message),
    body: chunks.length === 1 && chunks[0] ? chunks[0] : await new Blob(chunks).bytes(),
  };
}

const headersOf = (message: IncomingMessage): Record<string, string> =>
  Object.fromEntries(Object.entries(message.headers).map(([key, value]) => [key, String(value)]));

function unreachable(target: NodeTarget, cause: unknown): Fault {
  const where = "socketPath" in target ? target.socketPath : target.url;
  const code = (cause as { code?: string }).code ?? "";
  if (code.includes("CERT") || code.includes("SELF_SIGNED") || code === "UNABLE_TO_VERIFY_LEAF_SIGNATURE") {
    return new Fault(
      "auth.bad_credentials",
      `The certificate of ${where} is not trusted; log in with \`serai login\`, which shows its fingerprint.`,
      { cause },
    );
  }
  return new Fault("host.unreachable", `No Serai daemon answers at ${where}; start it with \`npm start\`.`, {
    cause,
  });
}
