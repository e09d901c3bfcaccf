import type { Json, OpenApiDocument, OpenApiOperation } from "@serai/api-contract/openapi";

/** A small seeded generator, so that a failure can be repeated from the seed that it prints. */
export type Random = {
  below(limit: number): number;
  pick<T>(items: readonly T[]): T;
  chance(share: number): boolean;
};

export function seeded(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  return { below, pick: (items) => items[below(items.length)] as never, chance: (share) => next() < share };
}

export type FuzzRequest = { method: string; path: string; headers: Record<string, string>; body?: string };

const hostile: readonly unknown[] = [
  "",
  " ",
  "\0",
  "..",
  "../../etc/passwd",
  "a".repeat(300),
  "A",
  "ä",
  "\u202e",
  "😀",
  "%00",
  "'; DROP TABLE vms;--",
  "${7*7}",
  "$(reboot)",
  "-",
  "a-",
  "_",
  "null",
  "true",
  "0",
  "-1",
  "1e9",
  "NaN",
  "constructor",
  "__proto__",
  "toString",
  "vm-",
  "op-",
  "/dev/sda",
  "file=/etc/shadow,if=none",
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e21,
  -1e308,
  9007199254740992,
  2 ** 31,
  2 ** 53,
  [],
  {},
  [[]],
  [null],
  { a: 1 },
  { "": "" },
  ["a", "a"],
];

const types = [
  "application/json",
  "application/json; charset=utf-8",
  "application/json",
  "application/json",
  "text/plain",
  "application/xml",
  "multipart/form-data",
  "application/octet-stream",
  "",
  "a/b/c",
  "application/json;;;=",
];
const methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "PROPFIND", "TRACE"];
/** A few names, so that requests meet: taken, deleted, ambiguous. */
const names = ["a", "b", "c", "web", "web-1", "web-2", "db", "img", "vm", "vm-0", "op", "default"];

/** Makes requests from the document: mostly near what is right, and then wrong in one or two ways. */
export function requestMaker(
  document: OpenApiDocument,
  random: Random,
  ids: readonly string[],
): () => FuzzRequest {
  const operations = Object.entries(document.paths).flatMap(([path, entries]) =>
    Object.entries(entries).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const values = valueMaker(document, random);

  const parameter = ({ name, schema }: OpenApiOperation["parameters"][number]): string => {
    if (random.chance(0.12)) return String(random.pick(hostile));
    if (["vm", "image", "operation", "token", "target"].includes(name))
      return random.chance(0.4) && ids.length > 0 ? random.pick(ids) : random.pick(names);
    if (name === "waitMs") return String(random.pick([0, 1, 5, -1, 60_001]));
    if (name === "If-Match")
      return random.pick(['"1"', '"2"', "*", "1", 'W/"1"', '""', '"99999999999999999999"']);
    if (name === "Idempotency-Key") return random.pick(["k1", "k2", "k3", "a b", "x".repeat(300)]);
    return String(values(schema));
  };

  const bodyFor = (operation: OpenApiOperation): string | undefined => {
    const schema = operation.requestBody?.content["application/json"]?.schema;
    if (schema === undefined)
      return random.chance(0.1) ? random.pick(["{}", "[]", "x", '{"a":1}']) : undefined;
    const value = random.chance(0.1) ? random.pick(hostile) : values(schema);
    return damage(JSON.stringify(value) ?? "", random);
  };

  return () => {
    const { path, method, operation } = random.pick(operations);
    const given = (where: string) => operation.parameters.filter((one) => one.in === where);
    let url = path.replace(/\{(\w+)\}/g, (_, name: string) =>
      encodeURIComponent(parameter(given("path").find((one) => one.name === name) as never)).replace(
        /^\.+$/,
        "%2e",
      ),
    );
    const query = given("query")
      .filter(() => random.chance(0.5))
      .map((one) => `${one.name}=${encodeURIComponent(parameter(one))}`);
    if (random.chance(0.05))
      query.push(
        random.pick(["x=1", "limit=1&limit=2", "%zz", "=", "&&", "a[]=1", "__proto__=1", "after=%00"]),
      );
    if (query.length > 0) url += `?${query.join("&")}`;
    if (random.chance(0.03))
      url = random.pick([
        "/v1",
        "/v1/",
        "//",
        "/v1/vms/",
        "/v1/vms/a/b/c",
        "/v1/%2e%2e/etc/passwd",
        "/%",
        "/v2/vms",
        `/${"a".repeat(2000)}`,
        "/v1/vms/a%2Fstart",
        "/v1/vms;x=1",
      ]);
    const headers: Record<string, string> = {};
    for (const one of given("header"))
      if (random.chance(0.3)) headers[one.name.toLowerCase()] = headerSafe(parameter(one));
    const body = bodyFor(operation);
    if (body !== undefined || random.chance(0.05))
      headers["content-type"] = random.chance(0.92) ? "application/json" : random.pick(types);
    if (operation.requestBody?.content["application/octet-stream"] !== undefined && random.chance(0.8))
      headers["content-type"] = "application/octet-stream";
    if (random.chance(0.02))
      headers["authorization"] = random.pick([
        "Bearer x",
        "Basic YTpi",
        "Bearer",
        `Bearer ${"x".repeat(500)}`,
        "Bearer serai_",
      ]);
    return {
      method: random.chance(0.04) ? random.pick(methods) : method,
      path: url,
      headers,
      ...(body !== undefined && { body }),
    };
  };
}

const headerSafe = (text: string): string => text.replace(/[^\x20-\x7e]/g, "?").trim();

/** Breaks JSON text now and then in ways that values cannot. */
function damage(text: string, random: Random): string {
  if (random.chance(0.85)) return text;
  return random.pick([
    () => text.slice(0, random.below(text.length + 1)),
    () => text.replace("{", '{"name":"a","name":"b",'),
    () => text.replace("{", '{"__proto__":{"x":1},'),
    () => text.replace("{", '{"unknown":1,'),
    () => text.replace(/\d+/, "99999999999999999999"),
    () => `${text}${text}`,
    () => `\ufeff${text}`,
    () => text.replace('"', "'"),
    () => `{"name":"${"x".repeat(20_000)}"}`,
    () => `{"labels":${"[".repeat(200)}${"]".repeat(200)}}`,
  ])();
}

/** Values for a schema: mostly ones that fit. */
function valueMaker(document: OpenApiDocument, random: Random): (schema: Json) => unknown {
  const make = (schema: Json, depth = 0): unknown => {
    if (random.chance(0.03)) return random.pick(hostile);
    if (typeof schema["$ref"] === "string")
      return make(document.components.schemas[schema["$ref"].split("/").at(-1) ?? ""] ?? {}, depth);
    if (schema["const"] !== undefined) return schema["const"];
    if (Array.isArray(schema["anyOf"])) return make(random.pick(schema["anyOf"] as Json[]), depth + 1);
    switch (schema["type"]) {
      case "object":
        return makeObject(schema, depth);
      case "array":
        return Array.from({ length: random.below(random.chance(0.05) ? 40 : 3) }, () =>
          make((schema["items"] ?? {}) as Json, depth + 1),
        );
      case "integer":
      case "number":
        return makeNumber(schema);
      case "boolean":
        return random.chance(0.5);
      default:
        return makeText(schema);
    }
  };
  const makeObject = (schema: Json, depth: number): Json => {
    const required = (schema["required"] ?? []) as string[];
    const object: Json = {};
    for (const [name, property] of Object.entries((schema["properties"] ?? {}) as Record<string, Json>)) {
      if (required.includes(name) ? random.chance(0.97) : random.chance(0.25))
        object[name] = make(property, depth + 1);
    }
    if (schema["patternProperties"] !== undefined && random.chance(0.5))
      object[random.pick(["tier", "a/b", "A", ""])] = "x";
    if (random.chance(0.03))
      object[random.pick(["extra", "id", "constructor", "toString"])] = random.pick(hostile);
    return object;
  };
  const makeNumber = (schema: Json): number => {
    const minimum = Number(schema["minimum"] ?? 0);
    const maximum = Number(schema["maximum"] ?? 1e6);
    const step = Number(schema["multipleOf"] ?? 1);
    if (random.chance(0.1))
      return random.pick([minimum - 1, maximum + 1, minimum + 0.5, -maximum, maximum * 1e9]);
    return random.pick([minimum, minimum + step, minimum + step * random.below(64), maximum]);
  };
  const makeText = (schema: Json): string => {
    const length = Number(schema["maxLength"] ?? 0);
    if (random.chance(0.05) && length > 0) return "a".repeat(Math.min(length + random.below(2), 70_000));
    if (String(schema["pattern"] ?? "").includes("https?"))
      return random.pick(["http://127.0.0.1:1/a", "https://[::1]:1/", "http://a b/"]);
    if (schema["pattern"] === "^[0-9a-f]{64}$") return "0".repeat(64);
    if (String(schema["pattern"] ?? "").includes("[26ae]"))
      return random.pick(["52:54:00:00:00:01", "00:00:00:00:00:00"]);
    return random.pick(names);
  };
  return (schema) => make(schema);
}
