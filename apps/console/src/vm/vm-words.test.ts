import assert from "node:assert/strict";
import { test } from "node:test";
import { vmExample } from "@serai/api-contract/examples";
import type { VmView } from "@serai/api-contract/schemas";
import { exitSentence, isSettled, stateOf } from "./vm-words.ts";

const at = "2026-01-01T00:00:00Z";
const exit = (cause: string) => ({ cause, at, generation: 1, detail: "" });
const table: readonly (readonly [Partial<VmView>, string, string])[] = [
  [{ state: "running" }, "Running", "running"],
  [{ state: "absent", power: "stopped" }, "Stopped", "stopped"],
  [{ state: "unknown" }, "Unknown", "unknown"],
  [{ state: "running", trouble: { kind: "guest_hang", at } }, "Hung", "attention"],
  [{ state: "absent", power: "stopped", exit: exit("requested") }, "Stopped", "stopped"],
  [{ state: "absent", power: "stopped", exit: exit("host_oom") }, "Crashed", "attention"],
  [{ state: "absent", power: "running", restartAt: at, exit: exit("guest_panic") }, "Restarting", "changing"],
  [{ state: "absent", fault: { code: "vm.start_failed", message: "" } }, "Failed", "attention"],
  [{ state: "running", isDeleting: true }, "Deleting", "changing"],
];

for (const [change, text, group] of table) {
  test(`${JSON.stringify(change)} is shown as ${text}`, () => {
    assert.deepEqual(stateOf({ ...vmExample, ...change }), { text, group });
  });
}

test("a cause of a newer server is still readable", () => {
  assert.equal(exitSentence("cosmic_ray"), "It ended: cosmic ray.");
});

test("stopped is what a host calls absent", () => {
  assert.equal(isSettled({ ...vmExample, power: "stopped", state: "absent" }), true);
  assert.equal(isSettled({ ...vmExample, power: "running", state: "starting" }), false);
});
