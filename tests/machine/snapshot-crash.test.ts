import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { isEnded } from "@serai/model/operation";
import { createVm, startDaemon, succeeded, takeBuiltin, type TestDaemon, until } from "../harness/daemon.ts";

const { signal } = new AbortController();
const MiB = 1024 * 1024;
const rounds = Number(process.env["SERAI_SNAPSHOT_CRASH_ROUNDS"] ?? 12);
const seed = Number(process.env["SERAI_SEED"] ?? Date.now() % 1e6);
const blocks = 6;

/** A small generator, so that a failure can be repeated with its seed. */
function randomFrom(start: number): (below: number) => number {
  let state = start || 1;
  return (below) => {
    state = (state * 48271) % 2147483647;
    return state % below;
  };
}

test(`a daemon killed while snapshots are taken, reverted to and deleted never costs a byte (seed ${seed})`, async () => {
  await using daemon = await startDaemon();
  const random = randomFrom(seed);
  const vm = "victim";
  await takeBuiltin(daemon.client, "tiny");
  await createVm(daemon.client, {
    name: vm,
    memoryBytes: 160 * MiB,
    kernel: { image: "tiny" },
    disks: [{ name: "data", sizeBytes: 32 * MiB }],
    nics: [],
  });
  const id = (await daemon.client.call("getVm", { params: { vm } }, signal)).id;
  const { answering, fill, content } = guestOf(daemon, vm);
  const snapshots = async () => (await daemon.client.call("listSnapshots", { params: { vm } }, signal)).items;
  const openOperations = async () =>
    (await daemon.client.call("listOperations", { query: { target: vm } }, signal)).items.filter(
      (one) => !isEnded(one),
    );
  const kept = new Map<string, string>();
  let expected = ".".repeat(blocks);
  let cuts = 0;

  await answering();
  for (let round = 0; round < rounds; round++) {
    const block = random(blocks);
    const letter = String.fromCharCode(97 + random(26));
    await fill(letter, block);
    expected = expected.slice(0, block) + letter + expected.slice(block + 1);
    const names = [...kept.keys()];
    const name = names[random(Math.max(1, names.length))];
    const verb =
      name === undefined ? "create" : ((["create", "revert", "delete"] as const)[random(3)] ?? "create");
    const made = `s${round}`;
    const request =
      verb === "create" || name === undefined
        ? daemon.client.call(
            "createSnapshot",
            { params: { vm }, body: { name: made, memory: random(2) === 0 } },
            signal,
          )
        : verb === "revert"
          ? daemon.client.call("revertToSnapshot", { params: { vm, snapshot: name } }, signal)
          : daemon.client.call("deleteSnapshot", { params: { vm, snapshot: name } }, signal);
    const isAccepted = request.then(
      (operation) => operation.id,
      () => undefined, // cut off before it was answered
    );
    await new Promise((resolve) => setTimeout(resolve, random(500)));
    await daemon.crash();
    await daemon.start();
    const accepted = await isAccepted;
    await until("every operation ends", 90_000, async () =>
      (await openOperations()).length === 0 ? true : undefined,
    );
    const { items } = await daemon.client.call("listOperations", { query: { target: vm, limit: 1 } }, signal);
    const last = items[0];
    const isDone =
      last?.verb === `snapshot.${verb}` &&
      last.note === (verb === "create" ? made : name) &&
      last.phase === "succeeded";
    if (accepted === undefined) cuts += 1;
    else {
      assert.equal(last?.id, accepted, "what was answered is on record");
      assert.equal(last.phase, "succeeded", `round ${round}: ${verb}: ${last.fault?.message}`);
    }
    if (isDone && verb === "create") kept.set(made, expected);
    if (isDone && verb === "delete" && name !== undefined) kept.delete(name);
    if (isDone && verb === "revert" && name !== undefined) expected = kept.get(name) as string;
    await answering();

    assert.equal(await content(), expected, `round ${round}: ${verb} ${name ?? made}`);
    assert.deepEqual((await snapshots()).map((one) => one.name).toSorted(), [...kept.keys()].toSorted());
  }

  assert.ok(cuts < rounds);
  await leavesNothing(daemon, { vm, id, kept, expected });
});

/** The victim, seen from inside. */
function guestOf(daemon: TestDaemon, vm: string) {
  const answering = () =>
    until("the guest answers", 120_000, async () => {
      const { state, agent } = await daemon.client.call("getVm", { params: { vm } }, signal);
      return state === "running" && agent === "answering" ? true : undefined;
    });
  const shell = async (script: string) => {
    const body = { argv: ["/bin/sh", "-c", script], timeoutMs: 60_000 };
    const result = await daemon.client.call("execInVm", { params: { vm }, body }, signal);
    assert.equal(result.exitCode, 0, script);
    return Buffer.from(result.stdoutBase64, "base64").toString().trim();
  };
  const fill = (letter: string, block: number) =>
    shell(
      `dd if=/dev/zero bs=1M count=1 2>/dev/null | tr '\\0' ${letter} | dd of=/dev/vda bs=1M seek=${block} conv=fsync 2>/dev/null`,
    );
  /** Every byte of each MiB must be the same letter. */
  const content = () =>
    shell(
      `echo 3 > /proc/sys/vm/drop_caches; for i in $(seq 0 ${blocks - 1}); do dd if=/dev/vda bs=1M count=1 skip=$i 2>/dev/null | tr '\\0' . | fold -w 1024 | sort -u | cut -c 1; done | tr -d '\\n'`,
    );
  return { answering, fill, content };
}

type Left = { vm: string; id: string; kept: ReadonlyMap<string, string>; expected: string };

/** Every snapshot shows what it showed; without them one file is left, and the guest does not notice. */
async function leavesNothing(daemon: TestDaemon, left: Left): Promise<void> {
  const { vm, id, kept } = left;
  const { answering, content } = guestOf(daemon, vm);
  let { expected } = left;
  for (const [name, was] of kept) {
    await succeeded(
      daemon.client,
      daemon.client.call("revertToSnapshot", { params: { vm, snapshot: name } }, signal),
    );
    await answering();
    assert.equal(await content(), was, `${name} shows what it showed`);
    expected = was;
  }
  for (const name of kept.keys())
    await succeeded(
      daemon.client,
      daemon.client.call("deleteSnapshot", { params: { vm, snapshot: name } }, signal),
    );
  assert.equal(await content(), expected);
  const files = await readdir(join(daemon.stateDirectory, "host/volumes", id));
  assert.equal(files.filter((file) => file.endsWith(".qcow2")).length, 1, files.join(" "));
  assert.deepEqual(await readdir(join(daemon.stateDirectory, "host/vms", id, "snapshots")), []);
}
