import assert from "node:assert/strict";
import { test } from "node:test";
import { faultKinds, isFaultCode, type FaultCode } from "@serai/kit/fault";
import { faultFromReply, problemFrom, titleOf } from "./problem.ts";
import { statusOf } from "./status-of.ts";

const table = [
  [
    "unknown code of a known status",
    409,
    '{"code":"vm.on_fire","detail":"It burns."}',
    "store.conflict",
    "It burns.",
  ],
  [
    "unknown code of a server error",
    500,
    '{"code":"internal","detail":"This is a bug."}',
    "host.unreachable",
    "This is a bug.",
  ],
  ["a proxy's page", 404, "<html>", "request.unknown_route", undefined],
  ["nothing at all", 502, "", "host.unreachable", undefined],
  ["JSON that is no problem", 413, "null", "request.too_large", undefined],
] as const;

for (const [name, status, body, code, message] of table) {
  test(`${name} degrades to ${code}`, () => {
    const fault = faultFromReply(status, body);
    assert.equal(fault.code, code);
    if (message !== undefined) assert.equal(fault.message, message);
  });
}

test("every fault comes through a problem unchanged", () => {
  for (const code of Object.keys(faultKinds).filter(isFaultCode)) {
    const problem = problemFrom({ code, message: "Do this.", details: { bytes: 1 } }, "r-1");
    const fault = faultFromReply(problem.status, JSON.stringify(problem));
    assert.equal(fault.code, code);
    assert.equal(fault.message, "Do this.");
    assert.equal(fault.details?.["bytes"], 1);
  }
});

test("only what does not answer is a server error", () => {
  const errors = (Object.keys(faultKinds) as FaultCode[]).filter((code) => statusOf(code) >= 500);
  assert.ok(errors.every((code) => faultKinds[code] === "unavailable"));
});

test("a title is words, in every part of it", () => {
  assert.equal(titleOf("vm.wrong_state"), "VM: wrong state");
  assert.equal(titleOf("security_group.not_found"), "Security group: not found");
});
