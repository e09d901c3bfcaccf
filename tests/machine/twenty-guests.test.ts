import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { ensureGuestImage } from "../../guest/images.ts";
import { createVm, startDaemon, takeBuiltin, type TestDaemon, until } from "../harness/daemon.ts";

const { signal } = new AbortController();
const MiB = 1024 * 1024;
const names = Array.from({ length: 20 }, (_, n) => `guest-${n}`);
let daemon: TestDaemon;

before(async () => {
  await ensureGuestImage("tiny", { signal });
  daemon = await startDaemon();
  await takeBuiltin(daemon.client, "tiny");
});
after(() => daemon[Symbol.asyncDispose]());

const view = (vm: string) => daemon.client.call("getVm", { params: { vm } }, signal);

async function run(vm: string, ...argv: string[]): Promise<string> {
  const result = await daemon.client.call("execInVm", { params: { vm }, body: { argv } }, signal);
  return Buffer.from(result.stdoutBase64, "base64").toString().trim();
}

/** One question for all of them, so that asking costs the guests little. */
const allAnswering = () =>
  until("every agent", 300_000, async () => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const { items } = await daemon.client.call("listVms", {}, signal);
    return items.length === names.length && items.every(({ agent }) => agent === "answering")
      ? true
      : undefined;
  });

async function eventsOf(vm: string): Promise<string[]> {
  const { id } = await view(vm);
  const { items } = await daemon.client.call("listEvents", { query: { target: id } }, signal);
  return items.map(({ type }) => type);
}

test("twenty guests run at once; two die in different ways and the others do not notice", async () => {
  const policy = { onPanic: "stop", onCrash: "stop" } as const;
  for (const name of names) {
    await createVm(daemon.client, {
      name,
      kernel: { image: "tiny" },
      memoryBytes: 192 * MiB,
      nics: [],
      policy,
    });
  }
  await allAnswering();
  for (const name of names) await run(name, "/bin/sh", "-c", `echo ${name} > /tmp/me`);
  const pids = new Map(await Promise.all(names.map(async (name) => [name, (await view(name)).pid] as const)));

  process.kill((await view("guest-3")).pid as number, "SIGKILL");
  await run("guest-7", "/bin/sh", "-c", "(sleep 1; echo c > /proc/sysrq-trigger) >/dev/null 2>&1 &");

  for (const name of ["guest-3", "guest-7"]) {
    await until(`${name} to have stopped`, 60_000, async () =>
      (await view(name)).state === "absent" ? true : undefined,
    );
  }
  const killed = await view("guest-3");
  const panicked = await view("guest-7");
  assert.deepEqual([killed.exit?.cause, killed.power], ["process_killed", "stopped"]);
  assert.deepEqual([panicked.exit?.cause, panicked.power], ["guest_panic", "stopped"]);
  assert.ok((await eventsOf("guest-3")).includes("vm.killed"));
  assert.ok((await eventsOf("guest-7")).includes("vm.panicked"));
  for (const name of names.filter((other) => other !== "guest-3" && other !== "guest-7")) {
    const now = await view(name);
    assert.deepEqual(
      [now.state, now.agent, now.pid, now.restarts],
      ["running", "answering", pids.get(name), 0],
      name,
    );
    assert.equal(await run(name, "/bin/cat", "/tmp/me"), name);
    assert.deepEqual(
      (await eventsOf(name)).filter((type) => type !== "vm.created" && type !== "vm.started"),
      [],
      name,
    );
  }
});

test("all of them can be deleted at once, and nothing stays", async () => {
  const { items } = await daemon.client.call("listVms", {}, signal);

  await Promise.all(
    items.map(({ id }) =>
      daemon.client.call("deleteVm", { params: { vm: id }, query: { force: true } }, signal),
    ),
  );

  await until("an empty list", 60_000, async () => {
    const left = (await daemon.client.call("listVms", {}, signal)).items.length;
    return left === 0 ? true : undefined;
  });
});
