import type { FaultCode } from "@serai/kit/fault";
import type { TObject, TSchema } from "typebox";
import {
  eventExample,
  hostExample,
  imageExample,
  networkExample,
  operationExample,
  securityGroupExample,
  snapshotExample,
  usageExample,
  vmExample,
} from "./examples.ts";
import { problemContentType, problemFrom } from "./problem.ts";
import type { Route } from "./route.ts";
import { routes } from "./routes.ts";
import { ProblemSchema } from "./schemas.ts";
import { statusOf } from "./status-of.ts";

export type Json = { [key: string]: unknown };
export type OpenApiOperation = {
  operationId: string;
  summary: string;
  tags: string[];
  security: Json[];
  parameters: { name: string; in: string; required: boolean; description?: string; schema: Json }[];
  requestBody?: { required: boolean; content: Record<string, { schema: Json; example?: unknown }> };
  responses: Record<string, Json>;
  "x-serai-access": string;
  "x-serai-faults": readonly string[];
  "x-serai-web-socket"?: Json;
};
export type OpenApiDocument = {
  openapi: string;
  info: Json;
  servers: Json[];
  tags: Json[];
  paths: Record<string, Record<string, OpenApiOperation>>;
  components: { schemas: Record<string, Json>; securitySchemes: Json; responses: Json };
};

const examples: Readonly<Record<string, unknown>> = {
  Vm: vmExample,
  Image: imageExample,
  Snapshot: snapshotExample,
  Network: networkExample,
  SecurityGroup: securityGroupExample,
  Operation: operationExample,
  Event: eventExample,
  Host: hostExample,
  HostUsage: usageExample,
  Me: { name: "local", role: "admin", via: "local socket" },
  Problem: problemFrom(
    { code: "vm.not_found", message: "There is no VM named web-9; list them with GET /v1/vms." },
    "7f3a2c-1x",
  ),
};

const bodyExamples: Readonly<Record<string, unknown>> = {
  createVm: {
    name: "web-1",
    cpus: 2,
    memoryBytes: 2147483648,
    disks: [{ name: "root", image: "debian-12" }],
  },
  changeVm: { memoryBytes: 4294967296 },
  cloneVm: { name: "web-2", kind: "linked" },
  stopVm: { deadlineSeconds: 30 },
  execInVm: { argv: ["uname", "-a"] },
  createImage: { name: "debian-12", source: { kind: "catalogue", name: "debian-12" } },
  createSnapshot: { name: "before-upgrade", memory: true },
  createNetwork: { name: "lab", kind: "nat", ipv4: { subnet: "10.10.0.0/24" } },
  changeNetwork: {
    forwards: [{ protocol: "tcp", hostPort: 8080, address: "10.10.0.20", port: 80 }],
  },
  createSecurityGroup: {
    name: "web",
    rules: [{ direction: "in", protocol: "tcp", ports: { first: 443 } }],
  },
  changeSecurityGroup: {
    rules: [{ direction: "in", protocol: "tcp", ports: { first: 22 }, peer: { cidr: "10.0.0.0/8" } }],
  },
  login: { code: "Jw7dYv0yX3kQ2mB9rT5uN8sL1pH6cF4gA0eZoIiKqWx" },
  createToken: { name: "ci", role: "operator", expiresInDays: 90 },
};

/** Faults that any request may meet, and those that any request with credentials may meet. */
const commonFaults: readonly FaultCode[] = [
  "request.malformed",
  "request.too_many",
  "request.timeout",
  "store.unavailable",
];
const guardedFaults: readonly FaultCode[] = ["auth.required", "auth.bad_credentials", "auth.forbidden"];
const bodyFaults: readonly FaultCode[] = ["request.too_large", "request.unsupported_media_type"];

/** Every fault that a route may answer with. */
export function faultsOf(route: Route): FaultCode[] {
  const all = [
    ...route.faults,
    ...commonFaults,
    ...(route.access === "public" ? [] : guardedFaults),
    ...(route.body || route.upload ? bodyFaults : []),
    ...(route.isIdempotent ? (["request.idempotency_mismatch"] as const) : []),
    ...(route.hasEtag && route.method !== "GET" ? (["request.precondition_failed"] as const) : []),
  ];
  return [...new Set(all)].toSorted();
}

/** Makes the OpenAPI 3.1 document of the whole contract. */
export function openApiDocument(version: string): OpenApiDocument {
  const schemas: Record<string, Json> = {};
  const paths: OpenApiDocument["paths"] = {};
  schemaRef(ProblemSchema, schemas);
  for (const [name, route] of Object.entries(routes) as [string, Route][]) {
    const path = route.path.replace(/:([A-Za-z]+)/g, "{$1}");
    (paths[path] ??= {})[route.method.toLowerCase()] = operationOf(name, route, schemas);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Serai",
      version,
      description:
        "Requests that finish later answer 202 with an operation; follow it at /v1/operations or over /v1/watch. Errors are RFC 9457 problems whose `code` is stable.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    tags: ["vms", "images", "networks", "operations", "events", "host", "access"].map((name) => ({ name })),
    paths,
    components: { schemas, securitySchemes, responses: {} },
  };
}

const securitySchemes: Json = {
  token: { type: "http", scheme: "bearer", description: "an API token" },
  session: {
    type: "apiKey",
    in: "cookie",
    name: "__Host-serai",
    description: "the console's session; unsafe requests need a matching Origin",
  },
};

function operationOf(name: string, route: Route, schemas: Record<string, Json>): OpenApiOperation {
  return {
    operationId: name,
    summary: route.summary,
    tags: [route.tag],
    security: route.access === "public" ? [] : [{ token: [] }, { session: [] }],
    parameters: [
      ...parametersOf(route.params, "path", schemas),
      ...parametersOf(route.query, "query", schemas),
      ...headersOf(route),
    ],
    ...bodyOf(name, route, schemas),
    responses: { ...successesOf(route, schemas), ...problemsOf(route) },
    "x-serai-access": route.access,
    "x-serai-faults": faultsOf(route),
    ...(route.webSocket && { "x-serai-web-socket": { ...route.webSocket } }),
  };
}

function parametersOf(
  schema: TObject | undefined,
  where: "path" | "query",
  schemas: Record<string, Json>,
): OpenApiOperation["parameters"] {
  if (schema === undefined) return [];
  return Object.entries(schema.properties).map(([name, property]) => {
    const plain = schemaRef(property, schemas);
    const description = plain["description"];
    return {
      name,
      in: where,
      required: where === "path" || (schema.required ?? []).includes(name),
      ...(typeof description === "string" && { description }),
      schema: plain,
    };
  });
}

function headersOf(route: Route): OpenApiOperation["parameters"] {
  const header = (name: string, description: string, schema: Json) => ({
    name,
    in: "header",
    required: false,
    description,
    schema,
  });
  return [
    ...(route.isIdempotent
      ? [
          header("Idempotency-Key", "a repeat with the same key gets the first answer", {
            type: "string",
            maxLength: 200,
          }),
        ]
      : []),
    ...(route.hasEtag && route.method !== "GET"
      ? [
          header("If-Match", "the ETag that the object must still have", {
            type: "string",
            pattern: '^("\\d+"|\\*)$',
          }),
        ]
      : []),
  ];
}

function bodyOf(
  name: string,
  route: Route,
  schemas: Record<string, Json>,
): Pick<OpenApiOperation, "requestBody"> | undefined {
  if (route.upload)
    return {
      requestBody: {
        required: true,
        content: { [route.upload.contentType]: { schema: { type: "string", format: "binary" } } },
      },
    };
  if (route.body === undefined) return undefined;
  const isOptional = (route.body as { "~optional"?: boolean })["~optional"] === true;
  const example = bodyExamples[name];
  return {
    requestBody: {
      required: !isOptional,
      content: {
        "application/json": {
          schema: schemaRef(route.body, schemas),
          ...(example !== undefined && { example }),
        },
      },
    },
  };
}

function successesOf(route: Route, schemas: Record<string, Json>): Record<string, Json> {
  if (route.webSocket) return { 101: { description: `WebSocket: ${route.webSocket.description}` } };
  const replies: Record<string, Json> = {};
  for (const [status, schema] of Object.entries(route.replies))
    replies[status] = successOf(Number(status), schema, { route, schemas });
  return replies;
}

type Place = { route: Route; schemas: Record<string, Json> };

function successOf(
  status: number,
  schema: TSchema | null | { contentType: string },
  { route, schemas }: Place,
): Json {
  const description = status === 202 ? "Accepted; the operation tells how it goes on" : "Done";
  if (schema === null) return { description };
  if ("contentType" in schema) {
    return {
      description,
      content: { [String(schema.contentType)]: { schema: { type: "string", format: "binary" } } },
    };
  }
  return {
    description,
    ...(route.hasEtag && status === 200 && { headers: { ETag: { schema: { type: "string" } } } }),
    content: { "application/json": { schema: schemaRef(schema as TSchema, schemas) } },
  };
}

function problemsOf(route: Route): Record<string, Json> {
  const byStatus = new Map<number, FaultCode[]>();
  for (const code of faultsOf(route))
    byStatus.set(statusOf(code), [...(byStatus.get(statusOf(code)) ?? []), code]);
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      String(status),
      {
        description: codes.join(", "),
        content: { [problemContentType]: { schema: { $ref: "#/components/schemas/Problem" } } },
      },
    ]),
  );
}

/** Copies a schema as plain JSON, moving everything that has an `$id` to the components. */
function schemaRef(schema: unknown, schemas: Record<string, Json>): Json {
  const plain = copy(schema, schemas);
  return plain as Json;
}

function copy(value: unknown, schemas: Record<string, Json>): unknown {
  if (Array.isArray(value)) return value.map((item) => copy(item, schemas));
  if (typeof value !== "object" || value === null) return value;
  const { $id, ...rest } = value as { $id?: string };
  const plain = () =>
    Object.fromEntries(Object.entries(rest).map(([key, item]) => [key, copy(item, schemas)]));
  if (typeof $id !== "string") return plain();
  if (schemas[$id] === undefined) {
    schemas[$id] = {}; // a schema may contain itself
    const example = examples[$id];
    Object.assign(schemas[$id], plain(), example !== undefined && { examples: [example] });
  }
  return { $ref: `#/components/schemas/${$id}` };
}
