import assert from "node:assert/strict";
import { test } from "node:test";
import { isFaultCode } from "@serai/kit/fault";
import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { openApiDocument, type Json } from "./openapi.ts";
import type { Route } from "./route.ts";
import { routes } from "./routes.ts";

const document = openApiDocument("1.2.3");
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

function walk(value: unknown, visit: (node: Json, at: string) => void, at = "#"): void {
  if (typeof value !== "object" || value === null) return;
  if (!Array.isArray(value)) visit(value as Json, at);
  for (const [key, item] of Object.entries(value)) walk(item, visit, `${at}/${key}`);
}

test("every route of the contract is in the document, under its own name", () => {
  assert.deepEqual(
    operations.map(({ operation }) => operation.operationId).toSorted(),
    Object.keys(routes).toSorted(),
  );
});

test("every $ref of the document resolves", () => {
  let count = 0;

  walk(document, (node, at) => {
    if (typeof node["$ref"] !== "string") return;
    count += 1;
    const target = node["$ref"]
      .slice(2)
      .split("/")
      .reduce<unknown>((found, key) => (found as Json | undefined)?.[key], document);
    assert.equal(typeof target, "object", `${at} refers to ${node["$ref"]}`);
  });

  assert.ok(count > 100);
});

test("the document survives being JSON: it holds nothing but data", () => {
  assert.deepEqual(JSON.parse(JSON.stringify(document)), document);
});

test("each parameter of a path is declared, and the other way round", () => {
  for (const { path, operation } of operations) {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    const declared = operation.parameters.filter((one) => one.in === "path");
    assert.deepEqual(
      declared.map((one) => one.name),
      named,
      path,
    );
    assert.ok(declared.every((one) => one.required));
  }
});

test("each operation says how it ends well and names only known faults when it does not", () => {
  for (const { operation } of operations) {
    const statuses = Object.keys(operation.responses).map(Number);
    assert.ok(
      statuses.some((status) => status < 300),
      operation.operationId,
    );
    assert.ok(statuses.includes(400), operation.operationId);
    assert.ok(
      statuses.every((status) => status < 500 || status === 503),
      operation.operationId,
    );
    assert.deepEqual(
      operation["x-serai-faults"].filter((code) => !isFaultCode(code)),
      [],
    );
  }
});

test("only what needs no credentials is open to everybody", () => {
  const open = operations.filter(({ operation }) => operation.security.length === 0);
  assert.deepEqual(open.map(({ operation }) => operation.operationId).toSorted(), ["getHealth", "login"]);
});

test("every example of a body fits the schema of its route", () => {
  let count = 0;

  for (const { operation } of operations) {
    const content = operation.requestBody?.content["application/json"];
    if (content?.example === undefined) continue;
    count += 1;
    const route: Route = routes[operation.operationId as keyof typeof routes];
    assert.deepEqual(Compile(route.body as TSchema).Errors(content.example), [], operation.operationId);
  }

  assert.ok(count >= 6);
});

test("every example of a component fits its schema", () => {
  const found = new Map<string, TSchema>();
  for (const route of Object.values(routes) as Route[]) {
    for (const reply of Object.values(route.replies)) {
      if (reply !== null && "$id" in reply) found.set(String(reply.$id), reply as TSchema);
    }
  }

  for (const [name, schema] of found) {
    const shown = document.components.schemas[name]?.["examples"] as unknown[] | undefined;
    for (const example of shown ?? []) assert.deepEqual(Compile(schema).Errors(example), [], name);
  }

  assert.ok(found.size >= 6);
});
