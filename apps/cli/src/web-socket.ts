import type { TLSSocket } from "node:tls";
import { pathOf } from "@serai/api-contract/client";
import type { Route } from "@serai/api-contract/route";
import { Fault, isFaultCode } from "@serai/kit/fault";
import WebSocket from "ws";
import type { Connection } from "./connection.ts";

type Address = { params?: Record<string, string>; query?: Record<string, unknown> };

/** Opens one of the contract's WebSockets; a refusal becomes the server's own fault. */
export function openWebSocket(
  connection: Connection,
  route: Route,
  { params, query }: Address,
  signal: AbortSignal,
): Promise<WebSocket> {
  const path = pathOf(route, params, query);
  const { target, token } = connection;
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const url =
    "socketPath" in target
      ? `ws+unix:${target.socketPath}:${path}`
      : `${target.url.replace(/^http/, "ws")}${path}`;
  const socket = new WebSocket(url, route.webSocket?.protocol ?? [], {
    headers,
    perMessageDeflate: false,
    ...trustOf(target),
  });
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      socket.terminate();
      reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    socket.once("open", () => resolve(socket));
    socket.once("error", (error) =>
      reject(
        new Fault(
          "host.unreachable",
          `${connection.place} did not open the connection; is the daemon running?`,
          { cause: error },
        ),
      ),
    );
    socket.once("unexpected-response", (_, response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("end", () => reject(refusal(text, response.statusCode ?? 0)));
    });
  });
}

function refusal(text: string, status: number): Fault {
  try {
    const { code, detail } = JSON.parse(text) as { code?: string; detail?: string };
    if (isFaultCode(code) && detail !== undefined) return new Fault(code, detail);
  } catch {
    // not one of our problems; the status is all there is to tell
  }
  return new Fault("host.unreachable", `The server refused the connection with status ${status}.`);
}

function trustOf(target: Connection["target"]): WebSocket.ClientOptions {
  if ("socketPath" in target) return {};
  if (target.fingerprint256 !== undefined) {
    const wanted = target.fingerprint256;
    return {
      rejectUnauthorized: false, // the pinned fingerprint decides instead
      finishRequest: (request) => {
        request.once("socket", (socket) => {
          socket.once("secureConnect", () => {
            const seen = (socket as TLSSocket).getPeerCertificate().fingerprint256;
            if (seen !== wanted)
              request.destroy(new Error("the server's certificate is not the one this user logged in to"));
            else request.end();
          });
        });
      },
    };
  }
  return target.ca === undefined ? {} : { ca: target.ca };
}
