import { hostname } from "node:os";
import { createInterface } from "node:readline/promises";
import { connect as connectTls } from "node:tls";
import { nodeTransport } from "@serai/api-contract/node-transport";
import { Fault } from "@serai/kit/fault";
import { withDeadline } from "@serai/kit/deadline";
import { open } from "../connection.ts";
import type { Context } from "../context.ts";
import { removeLogin, writeLogin } from "../login-file.ts";

/**
 * Logs in to a server over the network with its one-time link (`https://host:7443/login#CODE`), or with an API token
 * on standard input, and remembers the server's certificate.
 */
export async function login(
  context: Context,
  address: string,
  options: { fingerprint?: string; tokenStdin?: boolean },
): Promise<void> {
  const link = parseAddress(address);
  const seen = await fingerprintOf(link, context.signal);
  await agree(seen, options.fingerprint);
  const url = link.origin;
  const token =
    options.tokenStdin === true
      ? (await readLine()).trim()
      : await exchangeCode(url, link.hash.slice(1), seen, context.signal);
  const connection = open({ url, fingerprint256: seen }, url, token);
  try {
    const me = await connection.client.call("getMe", {}, context.signal);
    await writeLogin({ url, token, fingerprint256: seen });
    context.show({ url, ...me }, () => `Logged in to ${url} as ${me.name} (${me.role}).`);
  } finally {
    connection.close();
  }
}

export async function logout(context: Context): Promise<void> {
  await removeLogin();
  context.say("Logged out.");
}

function parseAddress(address: string): URL {
  try {
    const url = new URL(address);
    if (url.protocol === "https:") return url;
  } catch {
    // explained below, as for every address that is no https URL
  }
  throw new Fault("request.malformed", "Give the login link, such as https://host:7443/login#CODE.");
}

async function exchangeCode(
  url: string,
  code: string,
  fingerprint256: string,
  signal: AbortSignal,
): Promise<string> {
  if (code === "") {
    throw new Fault(
      "request.malformed",
      "The link has no code behind its #; make one with serai login-link on the server, or pass --token-stdin.",
    );
  }
  const transport = nodeTransport({ url, fingerprint256 });
  try {
    const headers = { "content-type": "application/json", origin: url };
    const reply = await transport.request(
      { method: "POST", path: "/v1/login", headers, body: JSON.stringify({ code }) },
      signal,
    );
    const cookie = reply.headers["set-cookie"]?.split(";")[0];
    if (reply.status !== 200 || cookie === undefined) {
      throw new Fault(
        "auth.bad_credentials",
        "The server does not take this link; each works once and for ten minutes.",
      );
    }
    const body = JSON.stringify({
      name: `cli on ${hostname()}`.slice(0, 63),
      role: "admin",
      expiresInDays: 90,
    });
    const made = await transport.request(
      { method: "POST", path: "/v1/tokens", headers: { ...headers, cookie }, body },
      signal,
    );
    if (made.status !== 201)
      throw new Fault("auth.forbidden", "The server took the link but makes no token for it.");
    await transport.request({ method: "POST", path: "/v1/logout", headers: { origin: url, cookie } }, signal);
    return (JSON.parse(new TextDecoder().decode(made.body)) as { secret: string }).secret;
  } finally {
    transport.close();
  }
}

function fingerprintOf(url: URL, signal: AbortSignal): Promise<string> {
  const deadline = { ms: 10_000, code: "host.unreachable", message: `${url.host} does not answer.` } as const;
  return withDeadline(deadline, signal, () => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const socket = connectTls(
      {
        host: url.hostname.replace(/^\[|\]$/g, ""),
        port: Number(url.port || 443),
        rejectUnauthorized: false,
      },
      () => {
        resolve(socket.getPeerCertificate().fingerprint256);
        socket.destroy();
      },
    );
    socket.once("error", (error) =>
      reject(new Fault("host.unreachable", `${url.host} does not answer: ${error.message}.`)),
    );
    return promise;
  });
}

async function agree(seen: string, wanted: string | undefined): Promise<void> {
  if (wanted !== undefined) {
    if (wanted.toUpperCase() === seen) return;
    throw new Fault(
      "auth.bad_credentials",
      `The server's certificate is ${seen}, not the one you gave; do not send it secrets.`,
    );
  }
  if (!process.stdin.isTTY) {
    throw new Fault("request.malformed", `Confirm the server's certificate with --fingerprint ${seen}`);
  }
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await prompt.question(
    `The server's certificate is ${seen}.\nIs that the one serai shows on the server? [y/N] `,
  );
  prompt.close();
  if (!/^y(es)?$/i.test(answer)) throw new Fault("request.cancelled", "Not logged in.");
}

async function readLine(): Promise<string> {
  const prompt = createInterface({ input: process.stdin });
  for await (const line of prompt) return line;
  return "";
}
