import { ImageNameSchema, ReferenceSchema } from "@serai/model/vm-spec";
import { Type } from "@serai/model/schema";
import { PageQuerySchema } from "../page.ts";
import { route } from "../route.ts";
import { ImageViewSchema, OperationSchema, pageOf } from "../schemas.ts";

const ImageParams = Type.Object({ image: ReferenceSchema });
const found = ["image.not_found", "name.ambiguous"] as const;

export const listImages = route({
  method: "GET",
  path: "/v1/images",
  summary: "List images by name",
  access: "viewer",
  tag: "images",
  query: PageQuerySchema,
  replies: { 200: pageOf(ImageViewSchema) },
  faults: [],
});

export const getImage = route({
  method: "GET",
  path: "/v1/images/:image",
  summary: "Show an image",
  access: "viewer",
  tag: "images",
  params: ImageParams,
  replies: { 200: ImageViewSchema },
  faults: found,
  hasEtag: true,
});

const ImportFormatSchema = Type.Union([
  Type.Literal("raw"),
  Type.Literal("qcow2"),
  Type.Literal("iso"),
  Type.Literal("vmdk"),
  Type.Literal("vhdx"),
  Type.Literal("vpc"),
  Type.Literal("vdi"),
  Type.Literal("ova"),
]);
const Sha256Schema = Type.String({ pattern: "^[0-9a-f]{64}$" });

export const createImage = route({
  method: "POST",
  path: "/v1/images",
  summary:
    "Declare an image: to upload its content next, to pull it by catalogue name or URL, or to take one built here",
  access: "operator",
  tag: "images",
  body: Type.Object(
    {
      name: ImageNameSchema,
      source: Type.Union([
        Type.Object(
          {
            kind: Type.Literal("upload"),
            format: ImportFormatSchema,
            sizeBytes: Type.Integer({ minimum: 1, maximum: 16 * 1024 ** 4 }),
            sha256: Type.Optional(Sha256Schema),
          },
          { additionalProperties: false },
        ),
        Type.Object(
          { kind: Type.Literal("catalogue"), name: ImageNameSchema },
          { additionalProperties: false },
        ),
        Type.Object(
          {
            kind: Type.Literal("url"),
            url: Type.String({ maxLength: 2048, pattern: "^https?://[^\\s]+$" }),
            format: ImportFormatSchema,
            sha256: Type.Optional(Sha256Schema),
          },
          { additionalProperties: false },
        ),
        Type.Object(
          { kind: Type.Literal("builtin"), name: ImageNameSchema },
          { additionalProperties: false },
        ),
      ]),
    },
    { additionalProperties: false },
  ),
  replies: { 202: OperationSchema },
  faults: ["name.taken", "image.unknown_catalogue_name", "pool.full"],
  isIdempotent: true,
});

export const uploadImage = route({
  method: "PUT",
  path: "/v1/images/:image/content",
  summary: "Send content from `offset` on; an interrupted upload goes on where `receivedBytes` says",
  access: "operator",
  tag: "images",
  params: ImageParams,
  query: Type.Object(
    { offset: Type.Optional(Type.Integer({ minimum: 0 })) },
    { additionalProperties: false },
  ),
  upload: { contentType: "application/octet-stream" },
  replies: { 200: ImageViewSchema },
  faults: [...found, "image.not_ready", "request.too_large", "pool.full", "request.precondition_failed"],
});

const DiskExportFormatSchema = Type.Union(
  [
    Type.Literal("raw"),
    Type.Literal("qcow2"),
    Type.Literal("vmdk"),
    Type.Literal("vmdk-sparse"),
    Type.Literal("vhdx"),
    Type.Literal("vpc"),
    Type.Literal("vdi"),
  ],
  { description: "vmdk is stream-optimised, vmdk-sparse can be written to, vpc is a VHD" },
);

export const exportImage = route({
  method: "GET",
  path: "/v1/images/:image/export",
  summary: "Download an image as one disk file of its own; of an appliance, its first disk",
  access: "operator",
  tag: "images",
  params: ImageParams,
  query: Type.Object({ format: DiskExportFormatSchema }, { additionalProperties: false }),
  replies: { 200: { contentType: "application/octet-stream" } },
  faults: [...found, "image.not_ready", "pool.full"],
});

export const deleteImage = route({
  method: "DELETE",
  path: "/v1/images/:image",
  summary: "Delete an image that no VM uses",
  access: "operator",
  tag: "images",
  params: ImageParams,
  replies: { 202: OperationSchema },
  faults: [...found, "image.in_use", "request.precondition_failed"],
  hasEtag: true,
});

export const listCatalogue = route({
  method: "GET",
  path: "/v1/catalogue",
  summary: "Images that can be pulled by name",
  access: "viewer",
  tag: "images",
  replies: {
    200: Type.Object({
      items: Type.Array(Type.Object({ name: Type.String(), title: Type.String(), url: Type.String() })),
    }),
  },
  faults: [],
});
