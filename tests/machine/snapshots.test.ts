import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import test, { after, before } from "node:test";
import type { SnapshotView } from "@serai/api-contract/schemas";
import { createVm, startDaemon, succeeded, takeBuiltin, type TestDaemon, until } from "../harness/daemon.ts";

const { signal } = new AbortController();
const MiB = 1024 * 1024;
let daemon: TestDaemon;

before(async () => {
  daemon = await startDaemon();
  await takeBuiltin(daemon.client, "tiny");
});
after(() => daemon[Symbol.asyncDispose]());

async function guest(name: string): Promise<void> {
  await createVm(daemon.client, {
    name,
    memoryBytes: 192 * MiB,
    kernel: { image: "tiny" },
    disks: [{ name: "data", sizeBytes: 64 * MiB }],
    nics: [],
  });
  await answering(name);
}

const seen = (name: string) => daemon.client.call("getVm", { params: { vm: name } }, signal);

async function answering(name: string): Promise<void> {
  await until(`${name} answers`, 120_000, async () =>
    (await seen(name)).agent === "answering" ? true : undefined,
  );
}

async function shell(vm: string, script: string): Promise<string> {
  const body = { argv: ["/bin/sh", "-c", script], timeoutMs: 60_000 };
  const result = await daemon.client.call("execInVm", { params: { vm }, body }, signal);
  const errors = Buffer.from(result.stderrBase64, "base64").toString();
  assert.equal(result.exitCode, 0, `${script}: ${errors}`);
  return Buffer.from(result.stdoutBase64, "base64").toString().trim();
}

/** Fills blocks of the data disk with a letter, past the guest's own cache. */
const fill = (vm: string, letter: string, atMiB: number, count: number) =>
  shell(
    vm,
    `dd if=/dev/zero bs=1M count=${count} 2>/dev/null | tr '\\0' ${letter} | dd of=/dev/vda bs=1M seek=${atMiB} conv=fsync 2>/dev/null`,
  );

/** The letters at the start of each MiB. */
const letters = (vm: string, count: number) =>
  shell(
    vm,
    `echo 3 > /proc/sys/vm/drop_caches; for i in $(seq 0 ${count - 1}); do dd if=/dev/vda bs=1 count=1 skip=$((i * 1048576)) 2>/dev/null | tr '\\0' .; done`,
  );

const take = async (vm: string, name: string, memory = false): Promise<SnapshotView> => {
  await succeeded(
    daemon.client,
    daemon.client.call("createSnapshot", { params: { vm }, body: { name, memory } }, signal),
  );
  return daemon.client.call("getSnapshot", { params: { vm, snapshot: name } }, signal);
};
const revert = (vm: string, snapshot: string) =>
  succeeded(daemon.client, daemon.client.call("revertToSnapshot", { params: { vm, snapshot } }, signal));
const remove = (vm: string, snapshot: string) =>
  succeeded(daemon.client, daemon.client.call("deleteSnapshot", { params: { vm, snapshot } }, signal));
const power = (vm: string, verb: "startVm") =>
  succeeded(daemon.client, daemon.client.call(verb, { params: { vm } }, signal));
const stop = (vm: string) =>
  succeeded(daemon.client, daemon.client.call("stopVm", { params: { vm }, body: { force: true } }, signal));

async function volumeFiles(vm: string): Promise<string[]> {
  const { id } = await seen(vm);
  const files = await readdir(join(daemon.stateDirectory, "host/volumes", id));
  return files.filter((file) => file.endsWith(".qcow2")).toSorted();
}

test("a running guest's disk goes back to what it was, along a chain whose middle was deleted", async () => {
  await guest("disk");
  await fill("disk", "a", 0, 4);
  const first = await take("disk", "one");
  await fill("disk", "b", 1, 1);
  const second = await take("disk", "two");
  await fill("disk", "c", 2, 1);
  const third = await take("disk", "three");
  await fill("disk", "d", 3, 1);

  assert.deepEqual([first.parent, second.parent, third.parent], [undefined, first.id, second.id]);
  assert.equal(await letters("disk", 4), "abcd");
  await remove("disk", "two");
  assert.equal(await letters("disk", 4), "abcd");
  assert.equal((await volumeFiles("disk")).length, 3);

  await revert("disk", "three");
  await answering("disk");
  assert.equal(await letters("disk", 4), "abca");
  await revert("disk", "one");
  await answering("disk");
  assert.equal(await letters("disk", 4), "aaaa");

  await remove("disk", "one");
  await remove("disk", "three");
  assert.equal(await letters("disk", 4), "aaaa");
  assert.equal((await volumeFiles("disk")).length, 1);
});

test("a snapshot with memory goes on with what ran, and the disk is that of the same moment", async () => {
  await guest("memory");
  await shell(
    "memory",
    "(i=0; while :; do i=$((i+1)); echo $i > /tmp/count; sleep 0.1; done) >/dev/null 2>&1 &",
  );
  await fill("memory", "m", 0, 1);
  await shell("memory", "echo before > /tmp/state");
  const snapshot = await take("memory", "live", true);
  assert.ok((snapshot.memoryBytes ?? 0) > 10 * MiB);
  assert.ok((snapshot.pauseMs ?? Infinity) < 5_000);
  const count = Number(await shell("memory", "cat /tmp/count"));
  await fill("memory", "n", 0, 1);
  await shell("memory", "echo after > /tmp/state");

  await revert("memory", "live");
  await until("it runs again", 60_000, async () =>
    (await seen("memory")).state === "running" ? true : undefined,
  );
  await answering("memory");

  assert.equal(await shell("memory", "cat /tmp/state"), "before");
  assert.equal(await letters("memory", 1), "m");
  const again = Number(await shell("memory", "cat /tmp/count"));
  await until("the counter goes on", 10_000, async () =>
    Number(await shell("memory", "cat /tmp/count")) > again ? true : undefined,
  );
  assert.ok(again > 0 && again < count + 600, `${again} after ${count}`);
  process.stderr.write(`# pause ${snapshot.pauseMs} ms, memory ${snapshot.memoryBytes} bytes\n`);
});

test("a stopped VM's snapshots work without a process, and deleting them keeps what it holds", async () => {
  await guest("cold");
  await fill("cold", "x", 0, 2);
  await stop("cold");
  await take("cold", "stopped");
  await power("cold", "startVm");
  await answering("cold");
  await fill("cold", "y", 1, 1);
  await stop("cold");
  await take("cold", "later");
  await remove("cold", "stopped");
  await remove("cold", "later");

  assert.equal((await volumeFiles("cold")).length, 1);
  await power("cold", "startVm");
  await answering("cold");
  assert.equal(await letters("cold", 2), "xy");
});

test("what cannot be done is refused with the reason", async () => {
  const { client } = daemon;
  const params = { vm: "cold" };
  await stop("cold");

  await assert.rejects(
    client.call("createSnapshot", { params, body: { name: "m", memory: true } }, signal),
    /no memory to keep/,
  );
  await assert.rejects(
    client.call("revertToSnapshot", { params: { ...params, snapshot: "none" } }, signal),
    /no snapshot called none/,
  );
  await take("cold", "same");
  await assert.rejects(client.call("createSnapshot", { params, body: { name: "same" } }, signal), /already/);
});

test("deleting a VM removes its snapshots with it", async () => {
  const { id } = await seen("cold");

  await succeeded(
    daemon.client,
    daemon.client.call("deleteVm", { params: { vm: "cold" }, query: { force: true } }, signal),
  );

  await assert.rejects(readFile(join(daemon.stateDirectory, "host/vms", id, "layers.json")), /ENOENT/);
  assert.ok(!(await readdir(join(daemon.stateDirectory, "host/volumes"))).includes(id));
});
