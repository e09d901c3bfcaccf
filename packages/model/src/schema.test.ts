import assert from "node:assert/strict";
import { test } from "node:test";
import { Type as TypeBox } from "typebox";
import { Type } from "./schema.ts";

/** The same schema made by any builder. */
const make = (type: typeof Type) => {
  const name = type.String({ pattern: "^[a-z]+$", description: "a word" });
  const size = type.Optional(type.Integer({ minimum: 1, maximum: 9, multipleOf: 3 }));
  const whole = type.Object(
    {
      name,
      size,
      kind: type.Union([type.Literal("a", { description: "first" }), type.Literal(2), type.Literal(true)]),
      alias: type.Optional(type.Intersect([name], { description: "another" })),
      flags: type.Array(type.Boolean(), { maxItems: 3 }),
      ratio: type.Number({ minimum: 0 }),
      labels: type.Record(name, type.String({ maxLength: 5 }), { maxProperties: 2 }),
      extra: type.Record(type.String(), type.Unknown()),
      code: type.Unsafe<"x">(type.String()),
      anything: type.Unknown(),
    },
    { additionalProperties: false },
  );
  return {
    whole,
    change: type.Partial(whole, { additionalProperties: false }),
    none: type.Object({}),
    body: type.Optional(whole),
  };
};

test("our builders make what TypeBox's make", () => {
  assert.equal(JSON.stringify(make(Type)), JSON.stringify(make(TypeBox)));
});

test("what is optional is marked where JSON does not show it", () => {
  for (const type of [Type, TypeBox]) {
    const { whole, change, body } = make(type);
    const optional = (schema: object) => (schema as { "~optional"?: true })["~optional"];
    assert.deepEqual(
      [whole.properties.size, whole.properties.name, change.properties.name, body].map(optional),
      [true, undefined, true, true],
    );
  }
});
