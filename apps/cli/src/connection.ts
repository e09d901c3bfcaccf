import { connect as connectSocket } from "node:net";
import { createClient, type Client } from "@serai/api-contract/client";
import { nodeTransport, type NodeTarget } from "@serai/api-contract/node-transport";
import { Fault } from "@serai/kit/fault";
import { readLogin } from "./login-file.ts";
import { systemSocket, userSocket } from "./places.ts";

export type Connection = {
  client: Client;
  target: NodeTarget;
  token?: string;
  /** For people: where the answers come from. */
  place: string;
  close(): void;
};

export type Where = { url?: string; socket?: string };

/**
 * Finds the server: `--socket` (or SERAI_SOCKET), `--url` (or SERAI_URL, with SERAI_TOKEN), then `serai login`, then the daemon of
 * this machine, then this user's own.
 */
export async function connect(where: Where): Promise<Connection> {
  const socketPath = where.socket ?? process.env["SERAI_SOCKET"];
  if (socketPath !== undefined) return open({ socketPath }, socketPath);
  const login = await readLogin();
  const url = where.url ?? process.env["SERAI_URL"];
  if (url !== undefined) {
    const known = login?.url === new URL(url).origin ? login : undefined;
    return open(
      { url, ...(known !== undefined && { fingerprint256: known.fingerprint256 }) },
      url,
      process.env["SERAI_TOKEN"] ?? known?.token,
    );
  }
  if (login !== undefined)
    return open({ url: login.url, fingerprint256: login.fingerprint256 }, login.url, login.token);
  const local = await findLocalSocket();
  if (local !== undefined) return open({ socketPath: local }, local);
  throw new Fault(
    "host.unreachable",
    "No Serai daemon runs here. Start one (npm start), use your own with serai run IMAGE, or log in to another with serai login.",
  );
}

/** The first local daemon that answers to this user. */
export async function findLocalSocket(): Promise<string | undefined> {
  for (const path of new Set([userSocket(), systemSocket])) if (await answers(path)) return path;
  return undefined;
}

export function open(target: NodeTarget, place: string, token?: string): Connection {
  const transport = nodeTransport(target);
  return {
    client: createClient(transport, token === undefined ? {} : { token }),
    target,
    place,
    close: () => transport.close(),
    ...(token !== undefined && { token }),
  };
}

const answers = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connectSocket(path);
    const settle = (isThere: boolean) => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once("connect", () => settle(true));
    socket.once("error", () => settle(false)); // no file, no daemon, or not for this user
  });
