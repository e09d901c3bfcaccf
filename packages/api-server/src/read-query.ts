import { Fault } from "@serai/kit/fault";
import type { TObject, TSchema } from "typebox";

/** Reads a query strictly: each key once, integers and booleans as such. What is odd is left for validation. */
export function readQuery(url: string, schema: TObject | undefined): Record<string, unknown> {
  const mark = url.indexOf("?");
  const query: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  if (mark < 0) return query;
  for (const [key, text] of new URLSearchParams(url.slice(mark + 1))) {
    if (key in query) {
      throw new Fault(
        "request.malformed",
        `query ${key.slice(0, 64)} is given more than once; give it once.`,
        {
          details: { issues: [{ path: `query ${key.slice(0, 64)}`, problem: "is given more than once" }] },
        },
      );
    }
    query[key] = coerce(
      text,
      schema !== undefined && Object.hasOwn(schema.properties, key) ? schema.properties[key] : undefined,
    );
  }
  return query;
}

function coerce(text: string, schema: TSchema | undefined): unknown {
  const type = (schema as { type?: string } | undefined)?.type;
  if (type === "integer" && /^-?\d{1,16}$/.test(text)) return Number(text);
  if (type === "boolean" && (text === "true" || text === "false")) return text === "true";
  return text;
}
