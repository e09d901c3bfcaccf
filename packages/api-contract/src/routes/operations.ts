import { Type } from "@serai/model/schema";
import { PageQuerySchema } from "../page.ts";
import { route } from "../route.ts";
import { EventSchema, OperationSchema, pageOf } from "../schemas.ts";

const OperationParams = Type.Object({
  operation: Type.String({ minLength: 1, maxLength: 80, pattern: "^[a-z0-9-]+$" }),
});

export const listOperations = route({
  method: "GET",
  path: "/v1/operations",
  summary: "List operations, newest first",
  access: "viewer",
  tag: "operations",
  query: Type.Object(
    {
      ...PageQuerySchema.properties,
      target: Type.Optional(Type.String({ maxLength: 80 })),
      isEnded: Type.Optional(Type.Boolean()),
    },
    { additionalProperties: false },
  ),
  replies: { 200: pageOf(OperationSchema) },
  faults: [],
});

export const getOperation = route({
  method: "GET",
  path: "/v1/operations/:operation",
  summary: "Show an operation; with `waitMs`, answer when it has ended or the time is up",
  access: "viewer",
  tag: "operations",
  params: OperationParams,
  query: Type.Object(
    { waitMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 60_000 })) },
    { additionalProperties: false },
  ),
  replies: { 200: OperationSchema },
  faults: ["operation.not_found", "name.ambiguous"],
});

export const cancelOperation = route({
  method: "POST",
  path: "/v1/operations/:operation/cancel",
  summary: "Cancel an operation by taking its wish back",
  access: "operator",
  tag: "operations",
  params: OperationParams,
  replies: { 200: OperationSchema },
  faults: ["operation.not_found", "operation.not_cancellable", "name.ambiguous"],
});

export const listEvents = route({
  method: "GET",
  path: "/v1/events",
  summary: "List events, newest first",
  access: "viewer",
  tag: "events",
  query: Type.Object(
    { ...PageQuerySchema.properties, target: Type.Optional(Type.String({ maxLength: 80 })) },
    { additionalProperties: false },
  ),
  replies: { 200: pageOf(EventSchema) },
  faults: [],
});

/**
 * Frames, each one JSON object: `{revision, kind, type: "put"|"delete", id, object?}` where kind is
 * `vm`, `image`, `operation` or `event`; and `{revision, kind: "bookmark"}` now and then.
 * `from`: the revision to resume after; 410 `store.compacted` when it is too old: list again.
 */
export const watchChanges = route({
  method: "GET",
  path: "/v1/watch",
  summary: "Follow VMs, images, operations and events over WebSocket, from a revision on",
  access: "viewer",
  tag: "events",
  query: Type.Object(
    {
      from: Type.Optional(Type.Integer({ minimum: 0 })),
      kinds: Type.Optional(
        Type.String({ pattern: "^(vm|image|operation|event)(,(vm|image|operation|event)){0,3}$" }),
      ),
    },
    { additionalProperties: false },
  ),
  replies: {},
  faults: ["store.compacted"],
  webSocket: { protocol: "serai.v1", description: "JSON text frames" },
});
