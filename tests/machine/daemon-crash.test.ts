import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { isEnded } from "@serai/model/operation";
import { isFault } from "@serai/kit/fault";
import { guestPidsOf, isLive, qemuPidsOf, startDaemon, type TestDaemon, until } from "../harness/daemon.ts";

const { signal } = new AbortController();
const MiB = 1024 * 1024;
const rounds = Number(process.env["SERAI_CRASH_ROUNDS"] ?? 50);
let daemon: TestDaemon;

before(async () => {
  daemon = await startDaemon();
});
after(() => daemon[Symbol.asyncDispose]());

/** What the API has promised: names it acknowledged, and those whose deletion it acknowledged. */
const promised = { present: new Set<string>(), leaving: new Set<string>(), maybe: new Set<string>() };
const operations = new Set<string>();

/** Small machines without a system: the firmware sits there, which is all that these rounds need. */
const spec = (name: string) => ({
  name,
  memoryBytes: 32 * MiB,
  nics: [],
  disks: [{ name: "root", sizeBytes: 8 * MiB }],
});

/** Sends one request; what was acknowledged is noted, what was cut off may or may not have happened. */
async function send(kind: number, name: string): Promise<void> {
  const { client } = daemon;
  try {
    const receipt =
      kind === 0 || !promised.present.has(name)
        ? await create(name)
        : kind === 1
          ? await client.call("stopVm", { params: { vm: name }, body: { force: true } }, signal)
          : kind === 2
            ? await client.call("startVm", { params: { vm: name } }, signal)
            : kind === 3
              ? await client.call("resetVm", { params: { vm: name } }, signal)
              : await remove(name);
    if (receipt !== undefined) operations.add(receipt.id);
  } catch (error) {
    // A refusal (wrong state, gone) is an answer; a cut connection is the point of this test.
    if (!isFault(error)) throw error;
  }
}

async function create(name: string) {
  if (promised.present.has(name) || promised.leaving.has(name)) return undefined;
  promised.maybe.add(name);
  const receipt = await daemon.client.call("createVm", { body: spec(name), query: { start: true } }, signal);
  promised.maybe.delete(name);
  promised.present.add(name);
  return receipt;
}

async function remove(name: string) {
  promised.present.delete(name);
  promised.maybe.add(name);
  const receipt = await daemon.client.call(
    "deleteVm",
    { params: { vm: name }, query: { force: true } },
    signal,
  );
  promised.maybe.delete(name);
  promised.leaving.add(name);
  return receipt;
}

test(`a daemon killed ${rounds} times with ten operations in flight loses and leaves nothing`, async () => {
  for (let round = 0; round < rounds; round++) {
    const requests = Array.from({ length: 10 }, (_, n) =>
      send((round + n) % 5, `vm-${(round * 3 + n) % 14}`),
    );
    // Somewhere between "all still queued" and "most done".
    await new Promise((resolve) => setTimeout(resolve, (round * 37) % 160));
    await daemon.crash();
    await Promise.allSettled(requests);
    await daemon.start();
  }

  await until("every operation to end", 180_000, async () => {
    const { items } = await daemon.client.call("listOperations", { query: { isEnded: false } }, signal);
    return items.length === 0 ? true : undefined;
  });
  const { items: vms } = await daemon.client.call("listVms", {}, signal);
  const names = new Set(vms.map(({ name }) => name));
  for (const name of promised.present) assert.ok(names.has(name), `${name} was acknowledged and is lost`);
  for (const name of promised.leaving)
    assert.ok(!names.has(name) || promised.maybe.has(name), `${name} was deleted and is back`);
  for (const id of operations) {
    const operation = await daemon.client.call("getOperation", { params: { operation: id } }, signal);
    assert.ok(isEnded(operation), `${operation.verb} ${operation.phase}`);
  }

  const host = join(daemon.stateDirectory, "host");
  const ids = new Set(vms.map(({ id }) => id));
  for (const folder of ["vms", "volumes"]) {
    for (const entry of await readdir(join(host, folder)))
      assert.ok(ids.has(entry), `${folder}/${entry} belongs to no VM`);
  }
  const running = vms.filter(({ state }) => state === "running");
  assert.deepEqual(new Set(await qemuPidsOf(daemon.stateDirectory)), new Set(running.map(({ pid }) => pid)));
  for (const vm of vms) {
    assert.equal(vm.state, vm.power === "running" ? "running" : "absent", `${vm.name} wants ${vm.power}`);
    if (vm.pid !== undefined && vm.state === "running") assert.ok(isLive(vm.pid));
  }
});

test("deleting every VM then leaves no process, file or row", async () => {
  const { items } = await daemon.client.call("listVms", {}, signal);

  await Promise.all(
    items.map(({ id }) =>
      daemon.client.call("deleteVm", { params: { vm: id }, query: { force: true } }, signal),
    ),
  );

  await until("an empty list", 60_000, async () =>
    (await daemon.client.call("listVms", {}, signal)).items.length === 0 ? true : undefined,
  );
  await until("every process of a guest to be gone", 10_000, async () =>
    (await guestPidsOf(daemon.stateDirectory)).length === 0 ? true : undefined,
  );
  assert.deepEqual(await readdir(join(daemon.stateDirectory, "host/vms")), []);
  assert.deepEqual(await readdir(join(daemon.stateDirectory, "host/volumes")), []);
});
