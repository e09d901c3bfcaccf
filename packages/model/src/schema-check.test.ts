import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { ExecRequestSchema, IdSchema } from "./host-request.ts";
import { schemaCheck } from "./schema-check.ts";
import { Type } from "./schema.ts";
import { VmChangeSchema, VmSpecSchema } from "./vm-spec.ts";

const image = Type.Union([
  Type.Object(
    { kind: Type.Literal("upload"), sizeBytes: Type.Integer({ minimum: 1 }) },
    { additionalProperties: false },
  ),
  Type.Object(
    { kind: Type.Literal("url"), url: Type.String({ pattern: "^https?://" }) },
    { additionalProperties: false },
  ),
]);

const schemas: Record<string, [TSchema, unknown]> = {
  "a VM": [
    VmSpecSchema,
    {
      name: "web-1",
      labels: { tier: "web" },
      cpus: 2,
      memoryBytes: 64 * 1024 * 1024,
      firmware: "uefi",
      kernel: { image: "tiny", cmdline: "quiet" },
      disks: [{ name: "root", bus: "nvme", image: "debian-12", sizeBytes: 10 * 1024 ** 3 }],
      nics: [
        {
          name: "net0",
          mac: "52:54:00:1a:2b:3c",
          forwards: [{ protocol: "tcp", hostPort: 2222, guestPort: 22 }],
        },
      ],
      policy: { onPanic: "restart" },
    },
  ],
  "a change of a VM": [VmChangeSchema, { cpus: 3, labels: {} }],
  "a command": [ExecRequestSchema, { argv: ["ls", "-l"], timeoutMs: 500 }],
  "an id": [IdSchema, "vm-0123456789ab"],
  "an image": [image, { kind: "url", url: "https://example.org" }],
};

const oddValues = [
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 53,
  "",
  "x",
  "ü💧".repeat(40),
  "A".repeat(3000),
  [],
  {},
  [null],
  { "a/b~": 1 },
];

/** The value with one place replaced, removed or added: near enough to right to reach every rule. */
function spoilt(value: unknown, pick: (count: number) => number): unknown {
  if (typeof value === "object" && value !== null && pick(4) > 0) {
    const keys = Object.keys(value);
    const key = keys[pick(keys.length + 1)] ?? (Array.isArray(value) ? String(keys.length) : "added");
    const copy = structuredClone(value) as Record<string, unknown>;
    if (pick(6) === 0) delete copy[key];
    else copy[key] = spoilt(copy[key], pick);
    return Array.isArray(copy) ? copy.flat(0) : copy; // no holes: JSON has none
  }
  return oddValues[pick(oddValues.length)];
}

for (const [what, [schema, good]] of Object.entries(schemas)) {
  const check = schemaCheck(schema);
  const reference = Compile(schema);

  test(`${what}: a good one has no issues`, () => {
    assert.ok(check.matches(good));
    assert.deepEqual(check.issues(good), []);
  });

  test(`${what}: our check agrees with TypeBox's about whatever is near or far`, () => {
    const near = fc.infiniteStream(fc.nat()).map((numbers) => {
      const pick = (count: number) => (numbers.next().value as number) % count;
      return spoilt(spoilt(good, pick), pick);
    });
    fc.assert(
      fc.property(
        fc.oneof({ weight: 9, arbitrary: near }, { weight: 1, arbitrary: fc.jsonValue() }),
        (value) => {
          assert.equal(check.matches(value), reference.Check(value), JSON.stringify(value));
          assert.equal(check.issues(value).length === 0, check.matches(value), JSON.stringify(value));
        },
      ),
      { numRuns: 2000 },
    );
  });
}

test("an issue says where in the value and where in the schema", () => {
  const [issue] = schemaCheck(VmSpecSchema).issues({ name: "a", disks: [{ name: "b", sizeBytes: "1" }] });

  assert.equal(issue?.instancePath, "/disks/0/sizeBytes");
  assert.equal(issue?.schemaPath, "#/properties/disks/items/properties/sizeBytes");
  assert.equal(issue?.message, "must be integer");
});

test("a schema with a rule that is not enforced is refused", () => {
  assert.throws(() => schemaCheck(Type.Array(Type.Number(), { uniqueItems: true })), /uniqueItems/);
  assert.throws(() => schemaCheck({ type: "null" }), /null/);
});
