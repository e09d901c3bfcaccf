import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "@serai/kit/fault";
import { fieldFaults, fieldName, shouldRetry } from "./fault-words.ts";

test("the server's issues are found at the fields they name", () => {
  const issues = [{ path: "nics[0].forwards[1].hostPort", problem: "must be >= 1024" }];
  const fault = new Fault("vm.spec_invalid", "no", { details: { issues } });

  assert.deepEqual(fieldFaults(fault), { "nics.0.forwards.1.hostPort": "This must be >= 1024." });
});

test("a taken name belongs to the name's field", () => {
  assert.deepEqual(fieldFaults(new Fault("name.taken", "There is one.")), { name: "There is one." });
});

test("pointers and paths name the same field", () => {
  assert.equal(fieldName("/disks/0/sizeBytes"), fieldName("disks[0].sizeBytes"));
});

test("only a server that is away is asked again", () => {
  assert.equal(shouldRetry(0, new Fault("host.unreachable", "")), true);
  assert.equal(shouldRetry(0, new Fault("vm.wrong_state", "")), false);
  assert.equal(shouldRetry(2, new Fault("host.unreachable", "")), false);
});
