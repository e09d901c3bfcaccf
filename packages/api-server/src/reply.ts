import type { JsonObject, JsonPage } from "@serai/control/services/request";
import type { Readable } from "node:stream";
import type { Operation } from "@serai/model/operation";

/** What a handler answers. `json` is already text: lists are joined, never serialised again. */
export type Reply = {
  status: number;
  json?: string;
  bytes?: { contentType: string; content: Uint8Array };
  /** Sent as it comes; the content is destroyed when the client goes. */
  file?: { fileName: string; sizeBytes: number; content: Readable };
  headers?: Readonly<Record<string, string>>;
};

export const ok = (value: unknown): Reply => ({ status: 200, json: JSON.stringify(value) });
export const created = (value: unknown): Reply => ({ status: 201, json: JSON.stringify(value) });
export const noContent: Reply = { status: 204 };

/** One object with its generation as ETag. */
export const okObject = (object: JsonObject): Reply => ({
  status: 200,
  json: object.json,
  headers: { etag: `"${object.generation}"` },
});

/** The receipt of a request that finishes later. */
export const accepted = (operation: Operation): Reply => ({
  status: 202,
  json: JSON.stringify(operation),
  headers: { location: `/v1/operations/${operation.id}` },
});

export const okPage = ({ items, next, revision }: JsonPage): Reply => ({
  status: 200,
  json: `{"items":[${items.join(",")}],${next === undefined ? "" : `"next":${JSON.stringify(next)},`}"revision":${revision}}`,
});
