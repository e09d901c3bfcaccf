import type { Static } from "typebox";
import { Type } from "./schema.ts";
import type { Appliance } from "./appliance.ts";
import type { StoredFormat, VmExportFormat } from "./image-format.ts";

/** The steps a host takes for one VM. It reads what to do from the store's intent; a request only says when. */
export const hostVerbs = [
  "provision",
  "launch",
  "pause",
  "resume",
  "reset",
  "shut_down",
  "kill",
  "suspend",
  "discard_suspend",
  "remove",
] as const;
export type HostVerb = (typeof hostVerbs)[number];

/** Ids as `newId` makes them: safe as a file name, whoever sends them. */
export const IdSchema = Type.String({ pattern: "^[a-z]{2,5}-[0-9a-hjkmnp-tv-z]{12}$" });

export const ExecRequestSchema = Type.Object(
  {
    argv: Type.Array(Type.String({ maxLength: 4096 }), {
      minItems: 1,
      maxItems: 256,
      description: "program and arguments; no shell",
    }),
    env: Type.Optional(Type.Array(Type.String({ maxLength: 4096 }), { maxItems: 256 })),
    inputBase64: Type.Optional(Type.String({ maxLength: 4 * 1024 * 1024 })),
    timeoutMs: Type.Optional(
      Type.Integer({ minimum: 100, maximum: 3_600_000, description: "default 60000" }),
    ),
  },
  { additionalProperties: false },
);
export type ExecRequest = Static<typeof ExecRequestSchema>;

export type ExecResult = {
  exitCode?: number;
  signal?: number;
  stdoutBase64: string;
  stderrBase64: string;
  isTruncated: boolean;
};

/** What a host found in an image's content; the truth about it from then on. */
export type ImageFacts = {
  format: StoredFormat;
  virtualSizeBytes: number;
  sizeBytes: number;
  /** Of the content as it came, before any conversion. */
  sha256: string;
  appliance?: Appliance;
};

/** How a VM leaves: all of it as `ova`, or one disk (the first, unless named) in any other format. */
export type ExportWish = { format: VmExportFormat; disk?: string };

export type SweepReport = {
  /** Sentences, one per thing that belonged to no VM and was removed. */
  removed: string[];
};

export type VmStream = "serial" | "display";
