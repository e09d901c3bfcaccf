import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

// noVNC and xterm need WebSockets to this host, canvases and inline styles; nothing ever loads from elsewhere.
const pageSecurity = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "manifest-src 'self'",
  "worker-src 'self' blob:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

export const pageHeaders: Readonly<Record<string, string>> = {
  "content-security-policy": pageSecurity,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "x-frame-options": "DENY",
};

/** Paths that the console's own router knows; anything else that is no file is a 404. */
const pages = [
  "/",
  "/login",
  "/vms",
  "/vms/*",
  "/images",
  "/images/*",
  "/operations",
  "/operations/*",
  "/events",
  "/host",
  "/tokens",
  "/about",
];

/**
 * Serves the built console: hashed assets for ever, its pages by one document. What serves files is loaded, into a
 * server of its own made by `bare`, when somebody first asks for one.
 */
export function registerConsole(
  fastify: FastifyInstance,
  consoleDir: string | undefined,
  bare: () => FastifyInstance,
): void {
  if (consoleDir === undefined || !existsSync(join(consoleDir, "index.html"))) {
    fastify.get("/", (_request, reply) => sendPage(reply.code(404), notBuilt));
    fastify.get("/login", (_request, reply) => sendPage(reply.code(404), notBuilt));
    return;
  }
  let opening: Promise<FastifyInstance> | undefined;
  const passOn = async (request: FastifyRequest, reply: FastifyReply) => {
    opening ??= openConsole(bare(), consoleDir);
    const { routing } = await opening;
    reply.hijack();
    routing(request.raw, reply.raw);
  };
  const files = readdirSync(consoleDir, { withFileTypes: true })
    .filter((entry) => entry.name !== "index.html" && !entry.name.startsWith("."))
    .map((entry) => (entry.isDirectory() ? `/${entry.name}/*` : `/${entry.name}`));
  for (const path of [...pages, ...files]) fastify.get(path, passOn);
}

async function openConsole(fastify: FastifyInstance, consoleDir: string): Promise<FastifyInstance> {
  const { fastifyStatic } = await import("@fastify/static");
  await fastify.register(fastifyStatic, {
    root: consoleDir,
    wildcard: false,
    index: false,
    cacheControl: false,
    dotfiles: "ignore",
    globIgnore: ["**/index.html"],
    preCompressed: true,
    setHeaders: (reply, path) => {
      for (const [name, value] of Object.entries(pageHeaders)) reply.header(name, value);
      // The bundler puts a hash of the content into these names, so they never change.
      reply.header(
        "cache-control",
        path.includes("/assets/") ? "public, max-age=31536000, immutable" : "no-cache",
      );
    },
  });
  const sendIndex = (_request: unknown, reply: FastifyReply) => reply.sendFile("index.html");
  for (const page of pages) fastify.get(page, sendIndex);
  await fastify.ready();
  return fastify;
}

const sendPage = (reply: FastifyReply, html: string) =>
  reply.headers(pageHeaders).header("content-type", "text/html; charset=utf-8").send(html);

const notBuilt = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Serai</title>
<body style="font-family:system-ui;max-width:40rem;margin:4rem auto;line-height:1.5"><h1>The console is not built</h1>
<p>Run <code>npm run setup</code> and start Serai again. The API works without it: <a href="/docs">its documentation</a>.</p></body></html>
`;
