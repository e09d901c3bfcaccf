import assert from "node:assert/strict";
import { test } from "node:test";
import { vmExample } from "@serai/api-contract/examples";
import { allowedActions } from "./power-actions.ts";

const table = [
  ["absent", ["start"]],
  ["starting", ["stop", "forceStop"]],
  ["running", ["stop", "forceStop", "pause", "reset", "suspend"]],
  ["paused", ["resume", "stop", "forceStop", "reset", "suspend"]],
  ["stopping", ["forceStop"]],
  ["suspended", ["start", "forceStop"]],
  ["unknown", ["start", "stop", "forceStop"]],
  ["something-new", []],
] as const;

for (const [state, actions] of table) {
  test(`${state}: ${actions.join(", ") || "nothing"}`, () => {
    assert.deepEqual(allowedActions({ ...vmExample, state, power: "stopped" }), actions);
  });
}

test("a VM that waits for its automatic restart can be called off", () => {
  assert.deepEqual(allowedActions({ ...vmExample, state: "absent", power: "running" }), ["start", "stop"]);
});

test("a VM that is being deleted offers nothing", () => {
  assert.deepEqual(allowedActions({ ...vmExample, isDeleting: true }), []);
});
