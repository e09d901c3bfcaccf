import assert from "node:assert/strict";
import { openApiDocument } from "@serai/api-contract/openapi";
import type { Route } from "@serai/api-contract/route";

const document = openApiDocument("1");

export type RequestFor = { path: string; body?: string; headers: Record<string, string> };

/** A well-formed request for a route, with the body that the API's document shows; all that it names is `web-1`. */
export function requestFor(name: string, route: Route): RequestFor {
  const path = route.path.replace(/:[a-z]+/g, "web-1");
  if (route.upload) return { path, body: "bytes", headers: { "content-type": route.upload.contentType } };
  const operation = document.paths[route.path.replace(/:([a-z]+)/g, "{$1}")]?.[route.method.toLowerCase()];
  const example = operation?.requestBody?.content["application/json"]?.example;
  assert.ok(route.body === undefined || example !== undefined, `${name} has no example of its body`);
  return example === undefined
    ? { path, headers: {} }
    : { path, body: JSON.stringify(example), headers: { "content-type": "application/json" } };
}
