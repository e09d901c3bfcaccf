import assert from "node:assert/strict";
import { test } from "node:test";
import type { Operation } from "./operation.ts";
import { operationOutcome } from "./operation-outcome.ts";
import { planCancellation } from "./plan-cancellation.ts";
import { planPower, type PowerWish } from "./plan-power.ts";
import { aRecord, aStatus } from "./testing/a-vm.ts";
import type { VmRecord, VmSighting } from "./vm.ts";
import { vmHappenings } from "./vm-events.ts";

const operation = (verb: string, fields: Partial<Operation> = {}): Operation => ({
  id: "op-000000000000",
  verb,
  target: { kind: "vm", id: "vm-000000000000" },
  generation: 2,
  phase: "pending",
  actor: "ann",
  createdAt: "2026-01-01T00:00:00.000Z",
  ...fields,
});
const exit = (cause: NonNullable<VmSighting["exit"]>["cause"], generation = 2) => ({
  cause,
  generation,
  at: "2026-01-01T00:00:01.000Z",
  detail: "",
});

type Row = [verb: string, record: Partial<VmRecord>, seen: Partial<VmSighting>, phase: string | undefined];
const table: Row[] = [
  ["vm.create", { power: "stopped" }, { provisionedGeneration: 0 }, undefined],
  ["vm.create", { power: "stopped" }, {}, "succeeded"],
  ["vm.create", { power: "running" }, {}, undefined],
  ["vm.create", { power: "running" }, { state: "running" }, "succeeded"],
  ["vm.start", { power: "running" }, { state: "absent" }, undefined],
  ["vm.start", { power: "running" }, { state: "running" }, "succeeded"],
  ["vm.start", { power: "stopped" }, { state: "absent" }, "cancelled"],
  ["vm.start", { power: "running" }, { exit: exit("guest_shutdown") }, "succeeded"],
  ["vm.start", { power: "running" }, { exit: exit("process_crash") }, "failed"],
  ["vm.start", { power: "running" }, { exit: exit("process_crash", 1) }, undefined],
  ["vm.stop", { power: "stopped" }, { state: "stopping" }, undefined],
  ["vm.stop", { power: "stopped" }, { state: "absent" }, "succeeded"],
  ["vm.stop", { power: "stopped" }, { state: "unknown" }, undefined],
  ["vm.stop", { power: "running" }, { state: "running" }, "cancelled"],
  ["vm.pause", { power: "paused" }, { state: "running" }, undefined],
  ["vm.pause", { power: "paused" }, { state: "paused" }, "succeeded"],
  ["vm.resume", { power: "running" }, { state: "running" }, "succeeded"],
  ["vm.suspend", { power: "suspended" }, { state: "suspending" }, undefined],
  ["vm.suspend", { power: "suspended" }, { state: "suspended" }, "succeeded"],
  ["vm.reset", { power: "running", resetCount: 2 }, { state: "running", resetCount: 1 }, undefined],
  ["vm.reset", { power: "running", resetCount: 2 }, { state: "running", resetCount: 2 }, "succeeded"],
  ["vm.start", { power: "running", isDeleting: true }, { state: "running" }, "cancelled"],
];

for (const [verb, record, seen, phase] of table) {
  test(`${verb} with ${JSON.stringify(record)} and ${JSON.stringify(seen)}: ${phase ?? "open"}`, () => {
    const outcome = operationOutcome(operation(verb), aRecord({ generation: 2, ...record }), aStatus(seen));

    assert.equal(outcome?.phase, phase);
  });
}

const wishes: [PowerWish["verb"], Partial<VmRecord>, Partial<VmSighting>, string][] = [
  ["start", { power: "stopped" }, { state: "absent" }, "change"],
  ["start", { power: "running" }, { state: "running" }, "holds"],
  ["start", { power: "running" }, { state: "running", trouble: { kind: "guest_panic", at: "" } }, "refused"],
  ["start", { power: "running", isDeleting: true }, { state: "absent" }, "refused"],
  ["stop", { power: "stopped" }, { state: "absent" }, "holds"],
  ["stop", { power: "running" }, { state: "running" }, "change"],
  ["pause", { power: "stopped" }, { state: "absent" }, "refused"],
  ["pause", { power: "running" }, { state: "running" }, "change"],
  ["resume", { power: "stopped" }, { state: "absent" }, "refused"],
  ["suspend", { power: "stopped" }, { state: "absent" }, "refused"],
  ["suspend", { power: "suspended" }, { state: "suspended" }, "holds"],
  ["reset", { power: "running" }, { state: "absent" }, "refused"],
  ["reset", { power: "running" }, { state: "running" }, "change"],
];

for (const [verb, record, seen, kind] of wishes) {
  test(`a wish to ${verb} with ${JSON.stringify(record)} and ${JSON.stringify(seen)} is: ${kind}`, () => {
    assert.equal(planPower(aRecord(record), aStatus(seen), { verb }, 0).kind, kind);
  });
}

test("a start while it is being stopped keeps the deadline, so that it does start", () => {
  const stop = { isForced: false, deadlineAt: "2026-01-01T00:00:00.000Z" };

  const plan = planPower(
    aRecord({ power: "stopped", stop }),
    aStatus({ state: "stopping" }),
    { verb: "start" },
    0,
  );

  assert.deepEqual(plan.kind === "change" && plan.stop, stop);
});

test("a wish that others have overtaken cannot be taken back", () => {
  const start = operation("vm.start");

  assert.equal(
    planCancellation(start, aRecord({ power: "running", generation: 2 }), aStatus()).kind,
    "change",
  );
  assert.equal(
    planCancellation(start, aRecord({ power: "paused", generation: 3 }), aStatus()).kind,
    "refused",
  );
  assert.equal(
    planCancellation(operation("vm.delete"), aRecord({ generation: 2, isDeleting: true }), aStatus()).kind,
    "refused",
  );
});

const seen = (fields: Partial<VmSighting>): VmSighting => aStatus(fields).sighting;
const told: [string, Partial<VmSighting>, Partial<VmSighting>, string[]][] = [
  ["nothing new", { state: "running" }, { state: "running", agent: "answering" }, []],
  ["a start", {}, { state: "running", startedAt: "1" }, ["vm.started"]],
  [
    "a panic",
    { state: "running" },
    { state: "running", trouble: { kind: "guest_panic", at: "1" } },
    ["vm.panicked"],
  ],
  [
    "the end of a guest whose panic was told of",
    { state: "running", trouble: { kind: "guest_panic", at: "1" } },
    { exit: exit("guest_panic") },
    [],
  ],
  ["a kill", { state: "running" }, { exit: exit("process_killed") }, ["vm.killed"]],
  ["an end that is old news", { exit: exit("process_killed") }, { exit: exit("process_killed") }, []],
  ["out of memory", { state: "running" }, { exit: exit("host_oom") }, ["vm.out_of_memory"]],
];

for (const [title, before, after, types] of told) {
  test(`${title} is told as ${types.join(", ") || "nothing"}`, () => {
    const happenings = vmHappenings("web", seen(before), seen(after));

    assert.deepEqual(
      happenings.map(({ type }) => type),
      types,
    );
    for (const { message } of happenings) assert.match(message, /web.*\.$/);
  });
}
