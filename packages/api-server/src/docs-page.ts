import type { Json, OpenApiDocument, OpenApiOperation } from "@serai/api-contract/openapi";

/** Renders the API's description for people: one page, no scripts, nothing from elsewhere. */
export function docsPage(document: OpenApiDocument): string {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const tags = document.tags.map((tag) => String(tag["name"]));
  const inTag = (tag: string) => operations.filter(({ operation }) => operation.tags.includes(tag));
  const menu = tags
    .map(
      (tag) =>
        `<h2>${escape(tag)}</h2><ul>${inTag(tag)
          .map(
            ({ operation }) =>
              `<li><a href="#${operation.operationId}">${escape(operation.operationId)}</a></li>`,
          )
          .join("")}</ul>`,
    )
    .join("");
  const body = tags
    .map(
      (tag) =>
        `<h2>${escape(tag)}</h2>${inTag(tag)
          .map((one) => operationHtml(one.path, one.method, one.operation))
          .join("")}`,
    )
    .join("");
  const schemas = Object.entries(document.components.schemas)
    .map(
      ([name, schema]) =>
        `<section id="schema-${escape(name)}"><h3>${escape(name)}</h3>${schemaHtml(schema)}</section>`,
    )
    .join("");
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Serai API</title><style>${style}</style></head><body><nav aria-label="Routes"><h1>Serai API</h1>
<p>Version ${escape(String(document.info["version"]))} · <a href="/v1/openapi.json">openapi.json</a></p>${menu}</nav>
<main><p>${escape(String(document.info["description"]))}</p>${body}<h2>Schemas</h2>${schemas}</main></body></html>`;
}

function operationHtml(path: string, method: string, operation: OpenApiOperation): string {
  const parameters = operation.parameters.map(
    (one) =>
      `<tr><td><code>${escape(one.name)}</code></td><td>${one.in}${one.required ? ", required" : ""}</td><td>${typeHtml(one.schema)}</td><td>${escape(one.description ?? "")}</td></tr>`,
  );
  const bodies = Object.entries(operation.requestBody?.content ?? {}).map(
    ([type, { schema, example }]) =>
      `<h4>Body <small>${escape(type)}${operation.requestBody?.required ? "" : ", optional"}</small></h4>${schemaHtml(schema)}${exampleHtml(example)}`,
  );
  const replies = Object.entries(operation.responses).map(
    ([status, reply]) =>
      `<tr><td><code>${status}</code></td><td>${escape(String(reply["description"]))}</td><td>${contentHtml(reply)}</td></tr>`,
  );
  return `<section id="${operation.operationId}"><h3><span class="method ${method}">${method.toUpperCase()}</span> <code>${escape(path)}</code></h3>
<p>${escape(operation.summary)}. <small>Needs: ${escape(operation["x-serai-access"])}.</small></p>
${parameters.length === 0 ? "" : `<h4>Parameters</h4><table>${parameters.join("")}</table>`}${bodies.join("")}
<h4>Replies</h4><table>${replies.join("")}</table></section>`;
}

function contentHtml(reply: Json): string {
  const content = (reply["content"] ?? {}) as Record<string, { schema: Json }>;
  return Object.values(content)
    .map(({ schema }) => typeHtml(schema))
    .join(" ");
}

function schemaHtml(schema: Json): string {
  const properties = schema["properties"] as Record<string, Json> | undefined;
  if (properties === undefined) return `<p>${typeHtml(schema)}</p>`;
  const required = (schema["required"] ?? []) as string[];
  const rows = Object.entries(properties).map(
    ([name, one]) =>
      `<tr><td><code>${escape(name)}</code>${required.includes(name) ? " *" : ""}</td><td>${typeHtml(one)}</td><td>${escape(String(one["description"] ?? ""))}</td></tr>`,
  );
  return `<table>${rows.join("")}</table>${exampleHtml((schema["examples"] as unknown[] | undefined)?.[0])}`;
}

function typeHtml(schema: Json): string {
  if (typeof schema["$ref"] === "string") {
    const name = schema["$ref"].split("/").at(-1) ?? "";
    return `<a href="#schema-${escape(name)}">${escape(name)}</a>`;
  }
  if (Array.isArray(schema["anyOf"])) return (schema["anyOf"] as Json[]).map(typeHtml).join(" | ");
  if (schema["const"] !== undefined) return `<code>${escape(JSON.stringify(schema["const"]))}</code>`;
  if (schema["type"] === "array") return `array of ${typeHtml((schema["items"] ?? {}) as Json)}`;
  const properties = schema["properties"] as Record<string, Json> | undefined;
  if (properties !== undefined)
    return `{ ${Object.entries(properties)
      .map(([name, one]) => `${escape(name)}: ${typeHtml(one)}`)
      .join(", ")} }`;
  const bounds = ["minimum", "maximum", "minLength", "maxLength", "pattern"].filter(
    (key) => schema[key] !== undefined,
  );
  const shown = bounds.map((key) => `${key} ${escape(String(schema[key]))}`).join(", ");
  return `${escape(String(schema["type"] ?? "any"))}${shown === "" ? "" : ` <small>${shown}</small>`}`;
}

const exampleHtml = (example: unknown): string =>
  example === undefined
    ? ""
    : `<details><summary>Example</summary><pre>${escape(JSON.stringify(example, null, 2))}</pre></details>`;

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
const escape = (text: string): string => text.replace(/[&<>"']/g, (character) => entities[character] ?? "");

const style = `:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;margin:0;display:grid;grid-template-columns:16rem 1fr}
nav{position:sticky;top:0;height:100vh;overflow:auto;padding:1rem;box-sizing:border-box;border-right:1px solid #8884}
nav ul{list-style:none;padding:0;margin:0}nav h2{font-size:.9rem;margin:1rem 0 .2rem;text-transform:capitalize}main{padding:1rem 2rem;max-width:60rem;min-width:0}
main>h2{text-transform:capitalize}section{border-top:1px solid #8884;padding:.5rem 0}h3{margin:.5rem 0}h4{margin:.8rem 0 .2rem}
table{border-collapse:collapse;width:100%}td{border-top:1px solid #8882;padding:.25rem .5rem .25rem 0;vertical-align:top;overflow-wrap:anywhere}
code,pre{font:13px ui-monospace,monospace}pre{background:#8881;padding:.6rem;overflow:auto}.method{font:bold 12px ui-monospace,monospace;padding:.1rem .4rem;border:1px solid;border-radius:3px}
@media(max-width:50rem){body{display:block}nav{position:static;height:auto}}`;
