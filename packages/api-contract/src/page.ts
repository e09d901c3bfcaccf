import { Type } from "@serai/model/schema";

export const maxPageSize = 1000;

export const PageQuerySchema = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: maxPageSize, description: "default 1000" })),
    after: Type.Optional(Type.String({ maxLength: 200, description: "`next` of the page before" })),
  },
  { additionalProperties: false },
);
