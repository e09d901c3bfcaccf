import type { Static } from "typebox";
import { Type } from "./schema.ts";

export const Address4Schema = Type.String({ pattern: "^[0-9.]{7,15}$", description: "an IPv4 address" });
export const Address6Schema = Type.String({ pattern: "^[0-9a-f:]{2,39}$", description: "an IPv6 address" });

export const BandwidthSchema = Type.Object(
  {
    inBitsPerSecond: Type.Optional(
      Type.Integer({ minimum: 64_000, maximum: 400_000_000_000, description: "to the guest" }),
    ),
    outBitsPerSecond: Type.Optional(
      Type.Integer({ minimum: 64_000, maximum: 400_000_000_000, description: "from the guest" }),
    ),
  },
  { additionalProperties: false },
);
export type Bandwidth = Static<typeof BandwidthSchema>;
