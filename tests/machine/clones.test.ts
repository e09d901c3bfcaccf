import assert from "node:assert/strict";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import test, { after, before } from "node:test";
import type { VmView } from "@serai/api-contract/schemas";
import { createVm, startDaemon, succeeded, takeBuiltin, type TestDaemon, until } from "../harness/daemon.ts";

const { signal } = new AbortController();
const MiB = 1024 * 1024;
let daemon: TestDaemon;

before(async () => {
  daemon = await startDaemon();
  await takeBuiltin(daemon.client, "tiny");
  await createVm(daemon.client, {
    name: "origin",
    memoryBytes: 160 * MiB,
    kernel: { image: "tiny" },
    disks: [{ name: "data", sizeBytes: 64 * MiB }],
  });
  await answering("origin");
  await fill("origin", "o", 0);
  await fill("origin", "o", 1);
});
after(() => daemon[Symbol.asyncDispose]());

const seen = (vm: string): Promise<VmView> => daemon.client.call("getVm", { params: { vm } }, signal);
const answering = (vm: string) =>
  until(`${vm} answers`, 120_000, async () => ((await seen(vm)).agent === "answering" ? true : undefined));
const finish = (operation: Parameters<typeof succeeded>[1]) => succeeded(daemon.client, operation);
const stop = (vm: string) =>
  finish(daemon.client.call("stopVm", { params: { vm }, body: { force: true } }, signal));
const start = (vm: string) => finish(daemon.client.call("startVm", { params: { vm } }, signal));
const remove = (vm: string) =>
  finish(daemon.client.call("deleteVm", { params: { vm }, query: { force: true } }, signal));
type CloneBody = { name: string; kind?: "linked" | "full"; snapshot?: string; start?: boolean };
const clone = (vm: string, body: CloneBody) =>
  finish(daemon.client.call("cloneVm", { params: { vm }, body }, signal));

async function shell(vm: string, script: string): Promise<string> {
  const body = { argv: ["/bin/sh", "-c", script], timeoutMs: 60_000 };
  const result = await daemon.client.call("execInVm", { params: { vm }, body }, signal);
  assert.equal(result.exitCode, 0, script);
  return Buffer.from(result.stdoutBase64, "base64").toString().trim();
}

const fill = (vm: string, letter: string, atMiB: number) =>
  shell(
    vm,
    `dd if=/dev/zero bs=1M count=1 2>/dev/null | tr '\\0' ${letter} | dd of=/dev/vda bs=1M seek=${atMiB} conv=fsync 2>/dev/null`,
  );
const letters = (vm: string) =>
  shell(
    vm,
    `echo 3 > /proc/sys/vm/drop_caches; for i in 0 1 2; do dd if=/dev/vda bs=1 count=1 skip=$((i * 1048576)) 2>/dev/null | tr '\\0' .; done`,
  );

async function folder(vm: string): Promise<string> {
  return join(daemon.stateDirectory, "host/volumes", (await seen(vm)).id);
}

test("a running VM is not cloned, and its snapshot is", async () => {
  await assert.rejects(clone("origin", { name: "early" }), /stop it, or clone one of its snapshots/);

  await finish(
    daemon.client.call("createSnapshot", { params: { vm: "origin" }, body: { name: "point" } }, signal),
  );
  await fill("origin", "x", 1);
  await clone("origin", { name: "past", snapshot: "point", start: true });

  await answering("past");
  assert.equal(await letters("past"), "oo.");
  assert.equal(await letters("origin"), "ox.");
  assert.notEqual((await seen("past")).nics[0]?.mac, (await seen("origin")).nics[0]?.mac);
});

test("linked clones of a stopped VM share its blocks, each with changes of its own, and so does the origin", async () => {
  await stop("origin");

  await clone("origin", { name: "left" });
  await clone("origin", { name: "right" });
  await start("left");
  await start("right");
  await start("origin");
  await Promise.all(["left", "right", "origin"].map(answering));
  await fill("left", "l", 2);
  await fill("right", "r", 2);
  await fill("origin", "y", 0);

  assert.equal(await letters("left"), "oxl");
  assert.equal(await letters("right"), "oxr");
  assert.equal(await letters("origin"), "yx.");
  const linked = (await readdir(await folder("left"))).filter((file) => file.endsWith(".qcow2"));
  const links = await Promise.all(
    linked.map(async (file) => (await stat(join(await folder("left"), file))).nlink),
  );
  assert.ok(links.some((count) => count > 1));
});

test("a linked clone outlives its origin, the origin's snapshots, and its sister", async () => {
  await finish(daemon.client.call("deleteSnapshot", { params: { vm: "origin", snapshot: "point" } }, signal));
  assert.equal(await letters("left"), "oxl");
  assert.equal(await letters("past"), "oo.");

  await remove("origin");
  await remove("right");
  await stop("left");
  await start("left");
  await answering("left");

  assert.equal(await letters("left"), "oxl");
  assert.equal(await letters("past"), "oo.");
});

test("a full clone has all its bytes in files of its own", async () => {
  await stop("past");

  await clone("past", { name: "copy", kind: "full" });
  await remove("past");
  await start("copy");
  await answering("copy");

  assert.equal(await letters("copy"), "oo.");
  const files = (await readdir(await folder("copy"))).filter((file) => file.endsWith(".qcow2"));
  assert.deepEqual(files, ["data.qcow2"]);
  assert.equal((await stat(join(await folder("copy"), "data.qcow2"))).nlink, 1);
});

test("a clone takes the time of a few small files", async () => {
  await stop("copy");
  await clone("copy", { name: "first" });
  const times: number[] = [];
  for (let round = 0; round < 7; round++) {
    const from = performance.now();
    await clone("copy", { name: `quick${round}` });
    times.push(performance.now() - from);
  }

  const median = times.toSorted((a, b) => a - b)[3] as number;
  process.stderr.write(
    `# linked clone: median ${median.toFixed(1)} ms of ${times.map((ms) => ms.toFixed(0)).join(" ")}\n`,
  );
  assert.ok(median < 1_000);
});
