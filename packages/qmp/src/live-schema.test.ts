import assert from "node:assert/strict";
import { test } from "node:test";
import { readLiveSchema } from "./live-schema.ts";

const schema = readLiveSchema([
  { name: "migrate", "meta-type": "command", "arg-type": "1", "ret-type": "0" },
  { name: "MIGRATION", "meta-type": "event", "arg-type": "0" },
  { name: "0", "meta-type": "object", members: [] },
  {
    name: "1",
    "meta-type": "object",
    members: [
      { name: "uri", type: "str" },
      { name: "channels", type: "[2]" },
    ],
  },
  { name: "[2]", "meta-type": "array", "element-type": "2" },
  {
    name: "2",
    "meta-type": "object",
    members: [{ name: "kind", type: "3" }],
    tag: "kind",
    variants: [{ case: "exec", type: "4" }],
  },
  { name: "3", "meta-type": "enum", values: ["exec", "file"] },
  { name: "4", "meta-type": "object", members: [{ name: "args", type: "5" }] },
  { name: "5", "meta-type": "alternate", members: [{ type: "str" }, { type: "4" }] },
  { name: "str", "meta-type": "builtin", "json-type": "string" },
]);

test("commands and events are not mistaken for each other or for types", () => {
  assert.deepEqual(
    [schema.hasCommand("migrate"), schema.hasCommand("MIGRATION"), schema.hasCommand("1")],
    [true, false, false],
  );
  assert.deepEqual([schema.hasEvent("MIGRATION"), schema.hasEvent("migrate")], [true, false]);
});

test("arguments are found through arrays, variants and alternates", () => {
  const paths = [
    "uri",
    "channels",
    "channels.kind",
    "channels.args",
    "channels.args.args",
    "nope",
    "uri.nope",
  ];

  assert.deepEqual(
    paths.filter((path) => schema.hasArgument("migrate", path)),
    paths.slice(0, 5),
  );
  assert.equal(schema.hasArgument("nope", "uri"), false);
});

test("values of an enum are found", () => {
  assert.equal(schema.hasArgumentValue("migrate", "channels.kind", "file"), true);
  assert.equal(schema.hasArgumentValue("migrate", "channels.kind", "rdma"), false);
  assert.equal(schema.hasArgumentValue("migrate", "uri", "file"), false);
});
