import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { isFault } from "@serai/kit/fault";
import { crash, DriverFixture, eventually, exists, isRunning, patience } from "./fixture.ts";

test("a VM is launched, paused, resumed, reset and killed", async () => {
  await using world = await DriverFixture.create();
  const driver = await world.open();
  assert.equal(driver.sighting().state, "absent");

  await driver.launch(world.plan({ display: "vga" }), patience());
  const running = driver.sighting();
  assert.equal(running.state, "running");
  assert.equal(running.generation, 3);
  assert.equal(running.hasDisplay, true);
  assert.equal(running.accelerator, "tcg");
  assert.ok(running.pid !== undefined && (await isRunning(running.pid)));

  await driver.pause(patience());
  assert.equal(driver.sighting().state, "paused");
  await driver.resume(patience());
  assert.equal(driver.sighting().state, "running");
  await driver.reset(1, patience());
  assert.equal(driver.sighting().resetCount, 1);

  await driver.kill(patience());
  const ended = driver.sighting();
  assert.equal(ended.state, "absent");
  assert.equal(ended.exit?.cause, "requested");
  assert.equal(ended.exit?.generation, 3);
  assert.equal(await isRunning(running.pid), false);
  assert.deepEqual(
    world.sightings.map((sighting) => sighting.state).filter((state, at, all) => state !== all[at - 1]),
    ["starting", "running", "paused", "running", "stopping", "absent"],
  );
});

test("nothing is left of a VM that was removed", async () => {
  await using world = await DriverFixture.create();
  const driver = await world.open();
  await driver.launch(world.plan(), patience());
  await assert.rejects(driver.remove(patience()), (error) => isFault(error, "vm.wrong_state"));
  await driver.kill(patience());

  await driver.remove(patience());

  assert.deepEqual(await readdir(world.root), []);
});

test("a QEMU killed from outside is told as killed", async () => {
  await using world = await DriverFixture.create();
  const driver = await world.open();
  await driver.launch(world.plan(), patience());

  process.kill(driver.sighting().pid ?? 0, "SIGKILL");

  const ended = await world.until("the end", ({ state }) => state === "absent");
  assert.equal(ended.exit?.cause, "process_killed");
});

test("a QEMU that crashes is told as crashed", async () => {
  await using world = await DriverFixture.create();
  const driver = await world.open();
  await driver.launch(world.plan(), patience());

  crash(driver.sighting().pid ?? 0);

  const ended = await world.until("the end", ({ state }) => state === "absent");
  assert.equal(ended.exit?.cause, "process_crash");
  assert.match(ended.exit.detail, /SIG(ILL|SEGV)/);
});

test("a plan that QEMU refuses fails with its own words and leaves nothing", async () => {
  await using world = await DriverFixture.create();
  const driver = await world.open();
  const disks = [
    {
      name: "root",
      bus: "virtio-blk",
      path: join(world.root, "no-such-disk"),
      format: "raw",
      isReadOnly: false,
    },
  ] as const;

  await assert.rejects(driver.launch(world.plan({}, { disks: [...disks] }), patience()), (error) => {
    return isFault(error, "vm.start_failed") && /no-such-disk.*No such file/.test(error.message);
  });

  assert.equal(driver.sighting().state, "absent");
  assert.equal(driver.sighting().exit, undefined);
  const left = exists(world.directory) ? await readdir(world.directory, { recursive: true }) : [];
  assert.deepEqual(
    left.filter((name) => name !== "qemu"),
    [],
  );
  const pid = world.sightings.find((sighting) => sighting.pid !== undefined)?.pid;
  if (pid !== undefined)
    await eventually("the process's end", async () => ((await isRunning(pid)) ? undefined : true));
});

test("a second launch is refused while the first one runs", async () => {
  await using world = await DriverFixture.create();
  const driver = await world.open();
  await driver.launch(world.plan(), patience());

  await assert.rejects(driver.launch(world.plan(), patience()), (error) => isFault(error, "vm.wrong_state"));

  assert.equal(driver.sighting().state, "running");
});
