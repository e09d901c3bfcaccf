import type { TSchema } from "typebox";
import { Errors } from "typebox/value";
import { fieldName } from "./fault-words.ts";

const sentences: readonly (readonly [RegExp, string])[] = [
  [/^name$/, "Use 1 to 63 of a-z, 0-9 and -, starting and ending with a letter or a digit."],
  [/^description$/, "At most 1024 characters."],
  [/^cpus$/, "A whole number from 1 to 64."],
  [/^memoryBytes$/, "A whole number of MiB, from 16 MiB to 1 TiB."],
  [/^disks\.\d+\.sizeBytes$/, "A size from 1 MiB to 64 TiB."],
  [/hostPort$/, "A port from 1024 to 65535."],
  [/guestPort$/, "A port from 1 to 65535."],
  [/^source\.url$/, "An address that begins with http:// or https://."],
  [/^source\.sha256$/, "64 hexadecimal digits in lower case."],
];

/** Field → sentence for everything in `value` that its schema refuses; empty when it is fine. */
export function schemaFaults(schema: TSchema, value: unknown): Record<string, string> {
  const found: Record<string, string> = {};
  for (const { instancePath, message } of Errors(schema, value)) {
    const field = fieldName(instancePath);
    found[field] ??= sentences.find(([pattern]) => pattern.test(field))?.[1] ?? message;
  }
  return found;
}
