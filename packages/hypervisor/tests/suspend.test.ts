import assert from "node:assert/strict";
import { readdir, readFile, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { isFault } from "@serai/kit/fault";
import { openQmpSession } from "@serai/qmp/session";
import type { RunRecord } from "../src/run-record.ts";
import { DriverFixture, eventually, exists, isRunning, patience } from "./fixture.ts";

/** What lies at an address of the guest's memory, by way of the monitor for diagnosis. */
async function peek(world: DriverFixture, command: string): Promise<string> {
  await using session = await openQmpSession(
    { socketPath: join(world.directory, "qemu/qmp2.sock") },
    patience(),
  );
  return await session.execute("human-monitor-command", { "command-line": command }, {}, patience());
}

test("a suspended VM has no process and goes on where it stood", async () => {
  await using world = await DriverFixture.create();
  const driver = await world.open();
  await driver.launch(world.plan({ display: "vga" }), patience());
  const { pid = 0 } = driver.sighting();
  // The firmware has copied itself to here, and no longer changes it.
  const memory = await eventually("the firmware", async () => {
    const first = await peek(world, "xp /64x 0xf0000");
    const hasCode = /0x[1-9a-f]/.test(first.replaceAll(/0+f00[0-9a-f]{2}:/g, ""));
    return hasCode && first === (await peek(world, "xp /64x 0xf0000")) ? first : undefined;
  });

  await driver.suspend(patience());
  assert.equal(driver.sighting().state, "suspended");
  assert.equal(await isRunning(pid), false);
  assert.equal(driver.sighting().exit, undefined);
  assert.equal((await world.reopen()).sighting().state, "suspended");

  const after = await world.reopen();
  await after.launch(world.plan({}, { generation: 9 }), patience());
  assert.equal(after.sighting().state, "running");
  assert.equal(after.sighting().generation, 9);
  assert.equal(after.sighting().hasDisplay, true, "the hardware is that of the suspended VM");
  assert.equal(await peek(world, "xp /64x 0xf0000"), memory);
  assert.deepEqual(
    (await readdir(world.directory)).filter((name) => name.startsWith("suspended")),
    [],
  );
});

test("a discarded suspend leaves an absent VM that boots anew", async () => {
  await using world = await DriverFixture.create();
  const driver = await world.open();
  await driver.launch(world.plan(), patience());
  await driver.suspend(patience());

  await driver.discardSuspend(patience());

  assert.equal(driver.sighting().state, "absent");
  assert.deepEqual(
    (await readdir(world.directory)).filter((name) => name.startsWith("suspended")),
    [],
  );
  await driver.launch(world.plan(), patience());
  assert.equal(driver.sighting().state, "running");
});

test("a suspend that is cancelled before it began leaves the VM running", async () => {
  await using world = await DriverFixture.create();
  const driver = await world.open();
  await driver.launch(world.plan(), patience());

  await assert.rejects(driver.suspend(AbortSignal.abort(new Error("changed my mind"))));

  assert.equal(driver.sighting().state, "running");
});

test("a suspend for which there is no space says so and leaves the VM running, and works later", async () => {
  await using world = await DriverFixture.create();
  const driver = await world.open();
  await driver.launch(world.plan(), patience());
  await symlink("/dev/full", join(world.directory, "suspended.state.part"));

  await assert.rejects(driver.suspend(patience()), (error) => isFault(error, "pool.full"));

  assert.equal(driver.sighting().state, "running");
  await driver.suspend(patience());
  assert.equal(driver.sighting().state, "suspended");
});

test("a daemon that dies after the memory is complete, and before QEMU is gone, finds a suspended VM", async () => {
  await using world = await DriverFixture.create();
  const driver = await world.open();
  await driver.launch(world.plan(), patience());
  await driver.suspend(patience());
  const suspended = await readFile(join(world.directory, "suspended.json"), "utf8");
  const { token } = JSON.parse(suspended) as { token: string };
  // As if QEMU had survived: another one takes its place under the same token.
  await driver.launch(world.plan(), patience());
  const { pid = 0 } = driver.sighting();
  await driver.close();
  const run = JSON.parse(await readFile(join(world.directory, "run.json"), "utf8")) as RunRecord;
  await writeFile(join(world.directory, "suspended.json"), suspended.replace(token, run.token));
  await writeFile(join(world.directory, "suspended.state"), "memory");

  const after = await world.open();

  assert.equal(after.sighting().state, "suspended");
  assert.equal(await isRunning(pid), false);
});

test("a daemon that dies while memory is being saved finds a running VM", async () => {
  await using world = await DriverFixture.create();
  const driver = await world.open();
  await driver.launch(world.plan(), patience());
  await driver.pause(patience());
  await driver.close();
  const file = join(world.directory, "run.json");
  const run = JSON.parse(await readFile(file, "utf8")) as RunRecord;
  await writeFile(file, JSON.stringify({ ...run, isSuspending: true }));
  await writeFile(join(world.directory, "suspended.state.part"), "half");

  const after = await world.open();

  assert.equal(after.sighting().state, "running");
});

test("memory that cannot be read is kept, and the launch fails with QEMU's words", async () => {
  await using world = await DriverFixture.create();
  const driver = await world.open();
  await driver.launch(world.plan(), patience());
  await driver.suspend(patience());
  const state = join(world.directory, "suspended.state");
  await rename(state, `${state}.good`);
  await writeFile(state, "this is no memory of any machine");

  await assert.rejects(driver.launch(world.plan(), patience()), (error) => isFault(error, "vm.start_failed"));
  assert.equal(driver.sighting().state, "suspended");

  await rename(`${state}.good`, state);
  await driver.launch(world.plan(), patience());
  assert.equal(driver.sighting().state, "running");
  assert.equal(exists(state), false);
});
