import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "@serai/kit/fault";
import type { SeraiEvent } from "@serai/model/event";
import { admin, controlWorld, type ControlWorld } from "../src/testing/control-world.ts";

const signal = AbortSignal.timeout(120_000);
const context = { actor: admin };

async function created(world: ControlWorld, name: string, start = false) {
  const operation = await world.services.vms.create({ name }, { start }, context, signal);
  const end = await world.ended(operation);
  assert.equal(end.phase, "succeeded");
  return operation.target.id;
}

async function asked(
  world: ControlWorld,
  vm: string,
  verb: "start" | "pause" | "resume" | "reset" | "suspend" | "stop",
) {
  return world.ended(await world.services.vms.requestPower(vm, { verb }, context, signal));
}

async function eventTypes(world: ControlWorld): Promise<string[]> {
  const page = await world.services.events.list({}, admin, signal);
  return page.items.map((json) => (JSON.parse(json) as SeraiEvent).type).toReversed();
}

test("a VM goes through its whole life, and each operation ends", async () => {
  await using world = await controlWorld();
  await created(world, "web");

  for (const [verb, state] of [
    ["start", "running"],
    ["pause", "paused"],
    ["resume", "running"],
    ["reset", "running"],
    ["suspend", "suspended"],
    ["start", "running"],
    ["stop", "absent"],
  ] as const) {
    const end = await asked(world, "web", verb);
    assert.equal(end.phase, "succeeded", `${verb}: ${JSON.stringify(end)}`);
    assert.equal(world.vm("web").state, state, verb);
  }
  const deletion = await world.ended(await world.services.vms.delete("web", {}, context, signal));

  assert.equal(deletion.phase, "succeeded");
  assert.deepEqual(world.host.holdings().vms, []);
  assert.throws(
    () => world.services.vms.get("web", admin),
    (error) => isFault(error, "vm.not_found"),
  );
  assert.deepEqual(await eventTypes(world), [
    "vm.created",
    "vm.started",
    "vm.paused",
    "vm.resumed",
    "vm.reset",
    "vm.suspended",
    "vm.started",
    "vm.stopped",
    "vm.deleted",
  ]);
});

test("a request for what already is succeeds at once", async () => {
  await using world = await controlWorld();
  await created(world, "web", true);

  const operation = await world.services.vms.requestPower("web", { verb: "start" }, context, signal);

  assert.equal(operation.phase, "succeeded");
  assert.equal(world.host.steps.get("launch"), 1);
});

test("a start that the host refuses fails, and the VM stays stopped", async () => {
  await using world = await controlWorld();
  await created(world, "web");
  world.host.failNext("launch", "vm.start_failed", "QEMU said no.");

  const end = await asked(world, "web", "start");

  assert.equal(end.phase, "failed");
  assert.equal(end.fault?.message, "QEMU said no.");
  assert.deepEqual([world.vm("web").power, world.vm("web").state], ["stopped", "absent"]);
  assert.ok((await eventTypes(world)).includes("vm.start_failed"));
  assert.equal((await asked(world, "web", "start")).phase, "succeeded");
});

test("a VM that cannot have its disks is not left half made", async () => {
  await using world = await controlWorld();
  world.host.failNext("provision", "pool.full");

  const operation = await world.services.vms.create({ name: "web" }, {}, context, signal);
  const end = await world.ended(operation);

  assert.equal(end.fault?.code, "pool.full");
  await world.until("gone", () => world.services.vms.list({}, admin).items.length === 0);
  assert.deepEqual(world.host.holdings().vms, []);
});

test("a crash is restarted with back-off; a guest that shuts down stays down", async () => {
  await using world = await controlWorld();
  const web = await created(world, "web", true);
  const mail = await created(world, "mail", true);

  world.host.end(web, "process_killed");
  world.host.end(mail, "guest_shutdown");

  await world.until("web is back", () => world.host.steps.get("launch") === 3);
  await world.until("mail is stopped", () => world.vm("mail").power === "stopped");
  assert.deepEqual(world.host.processes(), [web]);
  const types = await eventTypes(world);
  for (const type of ["vm.killed", "vm.restarting", "vm.stopped"]) assert.ok(types.includes(type), type);
});

test("a panicking guest is ended, told of, and started again", async () => {
  await using world = await controlWorld();
  const web = await created(world, "web", true);

  world.host.trouble(web, "guest_panic");

  await world.until("web is back", () => world.host.steps.get("launch") === 2);
  const types = await eventTypes(world);
  assert.equal(types.filter((type) => type === "vm.panicked").length, 1);
  assert.ok(types.includes("vm.restarting"));
});

test("an unreachable host is not mistaken for an empty one", async () => {
  await using world = await controlWorld();
  const web = await created(world, "web", true);
  world.host.isReachable = false;

  const operation = await world.services.vms.requestPower(web, { verb: "pause" }, context, signal);
  await world.until("unknown", () => world.vm("web").state === "unknown");
  world.host.isReachable = true;
  const end = await world.ended(operation);

  assert.equal(end.phase, "succeeded");
  assert.equal(world.host.steps.get("launch"), 1);
});

test("a name is given once, whoever asks at the same time", async () => {
  await using world = await controlWorld();
  const tries = Array.from({ length: 8 }, () =>
    world.services.vms.create({ name: "web" }, {}, context, signal),
  );

  const ends = await Promise.allSettled(tries);

  assert.equal(ends.filter((end) => end.status === "fulfilled").length, 1);
  for (const end of ends)
    if (end.status === "rejected") assert.ok(isFault(end.reason, "name.taken"), String(end.reason));
});

test("an idempotency key gives the first answer again, and refuses another question", async () => {
  await using world = await controlWorld();
  const once = { actor: admin, idempotencyKey: "k1" };

  const first = await world.services.vms.create({ name: "web" }, {}, once, signal);
  const again = await world.services.vms.create({ name: "web" }, {}, once, signal);

  assert.equal(again.id, first.id);
  await assert.rejects(world.services.vms.create({ name: "other" }, {}, once, signal), (error) =>
    isFault(error, "request.idempotency_mismatch"),
  );
});

test("what does not fit is refused with the numbers", async () => {
  await using world = await controlWorld({ memoryBytes: 1024 ** 3 });
  await created(world, "web", true);

  await assert.rejects(
    world.services.vms.create({ name: "big", memoryBytes: 1024 ** 3 }, { start: true }, context, signal),
    (error) => {
      assert.ok(isFault(error, "host.no_capacity"));
      assert.match(error.message, /MiB/);
      return true;
    },
  );
});

test("a change needs the generation it was made for", async () => {
  await using world = await controlWorld();
  await created(world, "web");

  const stale = { actor: admin, expectedGeneration: 7 };

  await assert.rejects(world.services.vms.change("web", { cpus: 2 }, stale, signal), (error) =>
    isFault(error, "request.precondition_failed"),
  );
  await world.services.vms.change(
    "web",
    { name: "www", cpus: 2 },
    { actor: admin, expectedGeneration: 1 },
    signal,
  );
  assert.equal(world.vm("www")["cpus"], 2);
  await created(world, "web");
});

test("a viewer may look and nothing else", async () => {
  await using world = await controlWorld();
  await created(world, "web");
  const viewer = { name: "eve", role: "viewer" } as const;

  assert.equal(world.services.vms.list({}, viewer).items.length, 1);
  await assert.rejects(
    world.services.vms.requestPower("web", { verb: "start" }, { actor: viewer }, signal),
    (error) => isFault(error, "auth.forbidden"),
  );
});

test("an ambiguous reference names its candidates", async () => {
  await using world = await controlWorld();
  await created(world, "web");
  await created(world, "mail");

  assert.throws(
    () => world.services.vms.get("vm-", admin),
    (error) =>
      isFault(error, "name.ambiguous") && Object.keys(error.details?.["candidates"] ?? []).length === 2,
  );
});

test("a start is cancelled by stopping", async () => {
  await using world = await controlWorld();
  await created(world, "web");
  world.host.isReachable = false;
  const start = await world.services.vms.requestPower("web", { verb: "start" }, context, signal);

  await world.services.operations.cancel(start.id, admin, signal);
  world.host.isReachable = true;

  assert.equal((await world.ended(start)).phase, "cancelled");
  await world.until("absent", () => world.vm("web").state === "absent");
  assert.equal(world.vm("web").power, "stopped");
  assert.deepEqual(world.host.processes(), []);
});

test("idle VMs write nothing", async () => {
  await using world = await controlWorld();
  await created(world, "web", true);
  const before = world.services.vms.list({}, admin).revision;

  await world.restart();
  await world.until("looked at", () => world.vm("web").state === "running");

  assert.equal(world.services.vms.list({}, admin).revision, before);
});

test("followers see what changes, and resume where they left off", async () => {
  await using world = await controlWorld();
  const from = world.services.vms.list({}, admin).revision;
  await created(world, "web");

  const frames: { kind: string; type?: string }[] = [];
  for await (const { json } of world.services.changes.follow({ from }, admin, signal)) {
    frames.push(JSON.parse(json));
    if (frames.at(-1)?.kind === "bookmark") break;
  }

  assert.deepEqual(
    new Set(frames.map((frame) => frame.kind)),
    new Set(["vm", "operation", "event", "bookmark"]),
  );
});
