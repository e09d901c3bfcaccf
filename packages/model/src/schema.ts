import type { Type as TypeBox, TSchema } from "typebox";

/** What of TypeBox's builders our schemas are made of. */
type Builders = Pick<
  typeof TypeBox,
  | "Array"
  | "Boolean"
  | "Integer"
  | "Intersect"
  | "Literal"
  | "Number"
  | "Object"
  | "Optional"
  | "Partial"
  | "Record"
  | "String"
  | "Union"
  | "Unknown"
  | "Unsafe"
>;

type Loose = Record<string, unknown>;

const isOptional = (schema: unknown): boolean => (schema as { "~optional"?: true })["~optional"] === true;

function object(properties: Record<string, TSchema>, options: Loose = {}): Loose {
  const required = Object.keys(properties).filter((key) => !isOptional(properties[key]));
  return { type: "object", ...(required.length > 0 && { required }), properties, ...options };
}

const optional = (schema: Loose): Loose =>
  Object.defineProperty({ ...schema }, "~optional", { value: true, enumerable: false });

/**
 * Makes schemas: plain JSON Schema, with TypeBox's types. TypeBox itself is several hundred modules, which would cost
 * each of our processes 20 MiB for as long as it runs; a test compares what these make with what it makes.
 */
export const Type = {
  Array: (items: TSchema, options?: Loose) => ({ type: "array", items, ...options }),
  Boolean: (options?: Loose) => ({ type: "boolean", ...options }),
  Integer: (options?: Loose) => ({ type: "integer", ...options }),
  Intersect: (allOf: TSchema[], options?: Loose) => ({ allOf, ...options }),
  Literal: (value: string | number | boolean, options?: Loose) => ({
    type: typeof value,
    const: value,
    ...options,
  }),
  Number: (options?: Loose) => ({ type: "number", ...options }),
  Object: object,
  Optional: optional,
  Partial: (schema: { properties: Record<string, Loose> }, options?: Loose) => ({
    type: "object",
    properties: Object.fromEntries(
      Object.entries(schema.properties).map(([key, one]) => [key, optional(one)]),
    ),
    ...options,
  }),
  Record: (key: { pattern?: string }, value: TSchema, options?: Loose) => ({
    type: "object",
    patternProperties: { [key.pattern ?? "^.*$"]: value },
    ...options,
  }),
  String: (options?: Loose) => ({ type: "string", ...options }),
  Union: (anyOf: TSchema[], options?: Loose) => ({ anyOf, ...options }),
  Unknown: (options?: Loose) => ({ ...options }),
  Unsafe: (schema: TSchema) => ({ ...schema }),
} as unknown as Builders;
