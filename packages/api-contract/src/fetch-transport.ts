import { Fault } from "@serai/kit/fault";
import type { Transport } from "./transport.ts";

/** Reaches a server by `fetch`: in a browser with its cookies, in Node for servers with a trusted certificate. */
export function fetchTransport(baseUrl = ""): Transport {
  return {
    async request({ method, path, headers, body }, signal) {
      let reply: Response;
      try {
        reply = await fetch(baseUrl + path, {
          method,
          headers: { ...headers },
          credentials: "same-origin",
          ...(body !== undefined && { body: body as string }),
          ...(isStream(body) && { duplex: "half" }),
          signal,
        });
        return {
          status: reply.status,
          headers: Object.fromEntries(reply.headers),
          body: new Uint8Array(await reply.arrayBuffer()),
        };
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        throw new Fault(
          "host.unreachable",
          "The server does not answer; check that it runs and that the network works.",
          { cause: error },
        );
      }
    },
  };
}

const isStream = (body: unknown): boolean =>
  typeof body === "object" && body !== null && Symbol.asyncIterator in body;
