import assert from "node:assert/strict";
import { readdirSync, readlinkSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { isFault } from "@serai/kit/fault";
import { libc } from "@serai/linux/libc";
import { identifyProcess } from "@serai/linux/process-identity";
import type { RunRecord } from "../src/run-record.ts";
import { crash, DriverFixture, eventually, exists, isRunning, patience } from "./fixture.ts";

async function editRun(world: DriverFixture, edit: (record: RunRecord) => void): Promise<void> {
  const file = join(world.directory, "run.json");
  const record = JSON.parse(await readFile(file, "utf8")) as RunRecord;
  edit(record);
  await writeFile(file, JSON.stringify(record));
}

function openSockets(): Set<number> {
  const fds = readdirSync("/proc/self/fd").map(Number);
  return new Set(fds.filter((fd) => linkOf(fd).startsWith("socket:")));
}

function linkOf(fd: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return ""; // the one that listed the others
  }
}

test("a running VM is adopted with all that was known about it", async () => {
  await using world = await DriverFixture.create();
  const before = await world.open();
  await before.launch(world.plan({ display: "vga" }, { resetCount: 2 }), patience());
  const seen = before.sighting();

  const after = await world.reopen();

  assert.deepEqual(after.sighting(), seen);
  await after.pause(patience());
  assert.equal(after.sighting().state, "paused");
  await after.kill(patience());
  assert.equal(after.sighting().exit?.cause, "requested");
  assert.equal(await isRunning(seen.pid ?? 0), false);
});

test("a paused VM is adopted as paused, and goes on when told", async () => {
  await using world = await DriverFixture.create();
  const before = await world.open();
  await before.launch(world.plan(), patience());
  await before.pause(patience());

  const after = await world.reopen();

  assert.equal(after.sighting().state, "paused");
  await after.resume(patience());
  assert.equal(after.sighting().state, "running");
});

test("an adopted QEMU that is killed is noticed and told as killed", async () => {
  await using world = await DriverFixture.create();
  await (await world.open()).launch(world.plan(), patience());
  const after = await world.reopen();

  process.kill(after.sighting().pid ?? 0, "SIGKILL");

  const ended = await world.until("the end", ({ state }) => state === "absent");
  assert.equal(ended.exit?.cause, "process_killed");
});

test("a QEMU that ended while nobody watched has vanished", async () => {
  await using world = await DriverFixture.create();
  const before = await world.open();
  await before.launch(world.plan(), patience());
  const { pid = 0 } = before.sighting();
  await before.close();
  process.kill(pid, "SIGKILL");
  await eventually("the process's end", () => (identifyProcess(pid) === undefined ? true : undefined));
  await eventually("its reaping", () => (exists(`/proc/${pid}`) ? undefined : true));

  const after = await world.open();

  assert.equal(after.sighting().state, "absent");
  assert.equal(after.sighting().exit?.cause, "vanished");
  assert.equal(exists(join(world.directory, "qemu/qmp.sock")), false);
  assert.deepEqual((await world.reopen()).sighting().exit, after.sighting().exit, "the end is remembered");
});

test("a QEMU of an earlier boot is told as ended by the host's restart, whoever has its pid now", async () => {
  await using world = await DriverFixture.create();
  const before = await world.open();
  await before.launch(world.plan(), patience());
  await before.kill(patience());
  await rm(join(world.directory, "exit.json"));
  const record = {
    token: "t",
    phase: "up",
    plan: world.plan(),
    accelerator: "tcg",
    qemuVersion: "7.2.22",
    bootId: "another",
    resetCount: 0,
  };
  await writeFile(
    join(world.directory, "run.json"),
    JSON.stringify({ ...record, process: { pid: process.pid, startTicks: 1, bootId: "another" } }),
  );

  const after = await world.reopen();

  assert.equal(after.sighting().exit?.cause, "host_reboot");
});

test("a launch whose daemon died before it wrote the pid is found by its token and finished", async () => {
  await using world = await DriverFixture.create();
  const before = await world.open();
  await before.launch(world.plan(), patience());
  const { pid } = before.sighting();
  await before.close();
  await editRun(world, (record) => {
    record.phase = "launching";
    delete record.process;
    delete record.startedAt;
  });

  const after = await world.open();

  assert.equal(after.sighting().state, "running");
  assert.equal(after.sighting().pid, pid);
});

test("a launch whose daemon died before there was a process leaves an absent VM without an end", async () => {
  await using world = await DriverFixture.create();
  const before = await world.open();
  await before.launch(world.plan(), patience());
  await before.kill(patience());
  await rm(join(world.directory, "exit.json"));
  const record = {
    token: "no-such-token",
    phase: "launching",
    plan: world.plan(),
    accelerator: "tcg",
    qemuVersion: "7.2.22",
    resetCount: 0,
  };
  const bootId = (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
  await writeFile(join(world.directory, "run.json"), JSON.stringify({ ...record, bootId }));

  const after = await world.reopen();

  assert.equal(after.sighting().state, "absent");
  assert.equal(after.sighting().exit, undefined);
  assert.equal(exists(join(world.directory, "run.json")), false);
});

test("a kill whose daemon died is finished", async () => {
  await using world = await DriverFixture.create();
  const before = await world.open();
  await before.launch(world.plan(), patience());
  const { pid = 0 } = before.sighting();
  await before.close();
  await editRun(world, (record) => (record.isKilling = true));

  const after = await world.open();

  assert.equal(after.sighting().state, "absent");
  assert.equal(after.sighting().exit?.cause, "requested");
  assert.equal(await isRunning(pid), false);
});

test("a process that is not the recorded QEMU is left alone", async () => {
  await using world = await DriverFixture.create();
  const before = await world.open();
  await before.launch(world.plan(), patience());
  const { pid = 0 } = before.sighting();
  await before.close();
  await editRun(world, (record) => {
    if (record.process !== undefined)
      record.process = { ...record.process, startTicks: record.process.startTicks - 1 };
  });

  const after = await world.open();

  assert.equal(after.sighting().state, "absent");
  assert.equal(after.sighting().exit?.cause, "vanished");
  assert.equal(await isRunning(pid), true);
});

test("a QEMU that does not answer is unknown, left alone, and adopted once it answers", async () => {
  await using world = await DriverFixture.create({ monitorTiming: { openMs: 500, retryMs: 100 } });
  const before = await world.open();
  await before.launch(world.plan(), patience());
  const { pid = 0 } = before.sighting();
  await before.close();
  process.kill(pid, "SIGSTOP");

  const after = await world.open();

  assert.equal(after.sighting().state, "unknown");
  assert.equal(await isRunning(pid), true);
  process.kill(pid, "SIGCONT");
  await world.until("touch", ({ state }) => state === "running");
  assert.equal(after.sighting().pid, pid);
  await after.pause(patience());
});

test("a QEMU that does not answer can be killed", async () => {
  await using world = await DriverFixture.create({ monitorTiming: { openMs: 500, retryMs: 100 } });
  const before = await world.open();
  await before.launch(world.plan(), patience());
  const { pid = 0 } = before.sighting();
  await before.close();
  process.kill(pid, "SIGSTOP");
  const after = await world.open();

  await after.kill(patience());

  assert.equal(after.sighting().state, "absent");
  assert.equal(after.sighting().exit?.cause, "requested");
  assert.equal(await isRunning(pid), false);
});

test("a QEMU whose connections break is unknown until it is back in touch, and no second one is started", async () => {
  await using world = await DriverFixture.create({ monitorTiming: { openMs: 500, retryMs: 100 } });
  const driver = await world.open();
  const socketsBefore = openSockets();
  await driver.launch(world.plan(), patience());
  const { pid } = driver.sighting();
  const shutdown = libc().load("int shutdown(int fd, int how)");
  for (const fd of openSockets()) if (!socketsBefore.has(fd)) assert.equal(shutdown(fd, 2), 0);

  await world.until("the loss", ({ state }) => state === "unknown");
  await assert.rejects(driver.launch(world.plan(), patience()), (error) => isFault(error, "vm.wrong_state"));
  await world.until("touch", ({ state }) => state === "running");

  assert.equal(driver.sighting().pid, pid);
  crash(pid ?? 0);
  const ended = await world.until("the end", ({ state }) => state === "absent");
  assert.equal(ended.exit?.cause, "process_crash", "the kernel still tells us how our child ended");
});
