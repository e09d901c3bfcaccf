import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { nextVmStep, type VmStep } from "./next-vm-step.ts";
import { aRecord, aStatus } from "./testing/a-vm.ts";
import type { ExitCause, VmExit, VmPower, VmRecord, VmState, VmStatus } from "./vm.ts";

const nowMs = Date.parse("2026-01-01T00:00:00Z");
const exit = (cause: ExitCause, generation = 1): VmExit => ({
  cause,
  at: "2025-12-31T23:59:59.000Z",
  generation,
  detail: "",
});
const stopping = { isForced: false, deadlineAt: "2026-01-01T00:01:00.000Z" };
const tooLate = { isForced: false, deadlineAt: "2025-12-31T23:00:00.000Z" };

type Row = [
  title: string,
  record: Partial<VmRecord>,
  sighting: Partial<VmStatus["sighting"]>,
  step: VmStep["do"],
];

const table: Row[] = [
  [
    "stopped and never provisioned",
    { power: "stopped" },
    { state: "absent", provisionedGeneration: 0 },
    "provision",
  ],
  ["stopped and provisioned", { power: "stopped" }, { state: "absent" }, "none"],
  ["wanted running and absent", { power: "running" }, { state: "absent" }, "launch"],
  ["wanted paused and absent", { power: "paused" }, { state: "absent" }, "launch"],
  ["wanted running, but nobody can tell", { power: "running" }, { state: "unknown" }, "wait"],
  ["deleting, but nobody can tell", { isDeleting: true }, { state: "unknown" }, "wait"],
  ["wanted paused and running", { power: "paused" }, { state: "running" }, "pause"],
  ["wanted running and paused", { power: "running" }, { state: "paused" }, "resume"],
  ["wanted stopped and running", { power: "stopped", stop: stopping }, { state: "running" }, "shut_down"],
  ["wanted stopped by force", { power: "stopped", stop: { isForced: true } }, { state: "running" }, "kill"],
  ["wanted stopped and paused", { power: "stopped", stop: stopping }, { state: "paused" }, "resume"],
  ["stopping within its deadline", { power: "stopped", stop: stopping }, { state: "stopping" }, "wait"],
  ["stopping past its deadline", { power: "stopped", stop: tooLate }, { state: "stopping" }, "kill"],
  [
    "started again while stopping past the deadline",
    { power: "running", stop: tooLate },
    { state: "stopping" },
    "kill",
  ],
  ["wanted suspended and running", { power: "suspended" }, { state: "running" }, "suspend"],
  ["wanted suspended and suspended", { power: "suspended" }, { state: "suspended" }, "none"],
  ["wanted running and suspended", { power: "running" }, { state: "suspended" }, "launch"],
  ["wanted stopped and suspended", { power: "stopped" }, { state: "suspended" }, "discard_suspend"],
  [
    "ended before it was suspended",
    { power: "suspended" },
    { state: "absent", exit: exit("guest_shutdown") },
    "accept_stop",
  ],
  ["a reset asked for", { power: "running", resetCount: 2 }, { state: "running", resetCount: 1 }, "reset"],
  ["deleting and running", { power: "running", isDeleting: true }, { state: "running" }, "kill"],
  ["deleting and absent", { power: "running", isDeleting: true }, { state: "absent" }, "remove"],
  ["deleting and suspended", { isDeleting: true }, { state: "suspended" }, "remove"],
  [
    "shut down by its guest",
    { power: "running" },
    { state: "absent", exit: exit("guest_shutdown") },
    "accept_stop",
  ],
  ["crashed", { power: "running" }, { state: "absent", exit: exit("process_crash") }, "schedule_restart"],
  [
    "ended by us, and wanted again",
    { power: "running" },
    { state: "absent", exit: exit("requested") },
    "launch",
  ],
  ["the host restarted", { power: "running" }, { state: "absent", exit: exit("host_reboot") }, "launch"],
  [
    "shut down by its guest before it was asked to start",
    { power: "running", generation: 3, startGeneration: 3 },
    { state: "absent", exit: exit("guest_shutdown", 2) },
    "launch",
  ],
  [
    "panicked and to be restarted",
    { power: "running" },
    { state: "running", trouble: { kind: "guest_panic", at: "2025-12-31T23:00:00.000Z" } },
    "kill",
  ],
  [
    "ended by us because it panicked",
    { power: "running" },
    {
      state: "absent",
      exit: exit("requested"),
      trouble: { kind: "guest_panic", at: "2025-12-31T23:00:00.000Z" },
    },
    "schedule_restart",
  ],
];

for (const [title, record, sighting, step] of table) {
  test(`${title}: ${step}`, () => {
    assert.equal(nextVmStep(aRecord(record), aStatus(sighting), nowMs).do, step);
  });
}

test("a guest to be preserved is left alone in its trouble", () => {
  const record = aRecord({ power: "running" });
  record.spec.policy.onPanic = "preserve";
  const status = aStatus({
    state: "running",
    trouble: { kind: "guest_panic", at: "2025-12-31T23:00:00.000Z" },
  });

  assert.deepEqual(nextVmStep(record, status, nowMs), { do: "none" });
});

test("an exit that was handled is not handled again, and its restart waits for its moment", () => {
  const status = aStatus({ state: "absent", exit: exit("process_crash") });
  status.handledExitAt = "2025-12-31T23:59:59.000Z";
  status.restartAt = "2026-01-01T00:00:05.000Z";

  assert.deepEqual(nextVmStep(aRecord({ power: "running" }), status, nowMs), {
    do: "wait",
    untilMs: nowMs + 5000,
  });
  assert.deepEqual(nextVmStep(aRecord({ power: "running" }), status, nowMs + 5000), { do: "launch" });
});

const powers: VmPower[] = ["running", "paused", "stopped", "suspended"];
const states: VmState[] = [
  "unknown",
  "absent",
  "starting",
  "running",
  "paused",
  "stopping",
  "suspending",
  "suspended",
];
const causes: ExitCause[] = [
  "requested",
  "guest_shutdown",
  "guest_panic",
  "guest_hang",
  "process_crash",
  "process_killed",
];

const anyWorld = fc.record({
  power: fc.constantFrom(...powers),
  state: fc.constantFrom(...states),
  isDeleting: fc.boolean(),
  isForced: fc.boolean(),
  resetCount: fc.nat(2),
  provisionedGeneration: fc.nat(1),
  cause: fc.option(fc.constantFrom(...causes)),
  isTroubled: fc.boolean(),
});

function build(world: typeof anyWorld extends fc.Arbitrary<infer W> ? W : never): [VmRecord, VmStatus] {
  const { power, state, isDeleting, isForced, resetCount, provisionedGeneration, cause, isTroubled } = world;
  const stop = isForced ? { isForced } : { isForced, deadlineAt: new Date(nowMs + 1000).toISOString() };
  const hasProcess = state !== "absent" && state !== "suspended" && state !== "unknown";
  return [
    aRecord({ power, isDeleting, stop, resetCount }),
    aStatus({
      state,
      provisionedGeneration: state === "absent" ? provisionedGeneration : 1,
      ...(cause !== null && state === "absent" && { exit: exit(cause) }),
      ...(isTroubled && hasProcess && { trouble: { kind: "guest_panic", at: "2025-12-31T23:00:00.000Z" } }),
    }),
  ];
}

test("nothing is ever done on a guess", () => {
  fc.assert(
    fc.property(anyWorld, (world) => {
      assert.equal(nextVmStep(...build({ ...world, state: "unknown" }), nowMs).do, "wait");
    }),
  );
});

test("a second process is never launched beside one that is there", () => {
  const there: VmState[] = ["starting", "running", "paused", "stopping", "suspending"];
  fc.assert(
    fc.property(anyWorld, fc.constantFrom(...there), (world, state) => {
      assert.notEqual(nextVmStep(...build({ ...world, state }), nowMs).do, "launch");
    }),
  );
});

test("steps that succeed converge to what is wanted", () => {
  fc.assert(
    fc.property(anyWorld, (world) => {
      const [record, status] = build({ ...world, state: world.state === "unknown" ? "absent" : world.state });
      let time = nowMs;
      for (let steps = 0; steps < 12; steps++) {
        const step = nextVmStep(record, status, time);
        if (step.do === "none") return assert.equal(isAsWanted(record, status), true);
        if (step.do === "remove") return assert.equal(record.isDeleting, true);
        time = perform(step, record, status, time);
      }
      assert.fail("still taking steps");
    }),
  );
});

function isAsWanted({ power }: VmRecord, { sighting }: VmStatus): boolean {
  return power === "stopped" ? sighting.state === "absent" : sighting.state === power;
}

/** A host on which everything works, in one pure function. */
function perform(step: VmStep, record: VmRecord, status: VmStatus, time: number): number {
  const { sighting } = status;
  const end = () => {
    sighting.state = "absent";
    sighting.exit = { ...exit("requested"), at: new Date(time).toISOString() };
    delete sighting.trouble;
  };
  switch (step.do) {
    case "provision":
      sighting.provisionedGeneration = record.generation;
      break;
    case "launch":
      Object.assign(sighting, { state: "running", resetCount: record.resetCount });
      delete sighting.exit;
      break;
    case "pause":
      sighting.state = "paused";
      break;
    case "resume":
      sighting.state = "running";
      break;
    case "reset":
      sighting.resetCount = record.resetCount;
      delete sighting.trouble;
      break;
    case "shut_down":
      sighting.state = "stopping";
      break;
    case "suspend":
      sighting.state = "suspended";
      break;
    case "kill":
    case "discard_suspend":
      end();
      break;
    case "accept_stop":
      record.power = "stopped";
      break;
    case "schedule_restart":
      Object.assign(status, {
        handledExitAt: sighting.exit?.at,
        restartAt: new Date(step.atMs).toISOString(),
      });
      break;
    case "wait":
      if (sighting.state === "starting") sighting.state = "running";
      else if (sighting.state === "stopping") end();
      else if (sighting.state === "suspending") sighting.state = "suspended";
      return step.untilMs ?? time;
    case "none":
    case "remove":
  }
  return time;
}
