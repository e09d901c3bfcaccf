import type { FastifyInstance } from "fastify";

const documentHeaders = { "cache-control": "no-cache", "x-content-type-options": "nosniff" };
const pageSecurity =
  "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/** Serves the API's description, for programs and for people; made at the first request. */
export function registerDocs(fastify: FastifyInstance, version: string): void {
  let json: string | undefined;
  let html: string | undefined;

  fastify.get("/v1/openapi.json", async (_request, reply) => {
    const { openApiDocument } = await import("@serai/api-contract/openapi");
    json ??= JSON.stringify(openApiDocument(version));
    return reply
      .headers(documentHeaders)
      .header("content-type", "application/json; charset=utf-8")
      .send(json);
  });

  fastify.get("/docs", async (_request, reply) => {
    const [{ openApiDocument }, { docsPage }] = await Promise.all([
      import("@serai/api-contract/openapi"),
      import("./docs-page.ts"),
    ]);
    html ??= docsPage(openApiDocument(version));
    return reply
      .headers(documentHeaders)
      .header("content-security-policy", pageSecurity)
      .header("content-type", "text/html; charset=utf-8")
      .send(html);
  });
}
