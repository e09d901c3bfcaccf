import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { settled, WorkQueue, type Reconcile } from "./work-queue.ts";

type Open = { queue: WorkQueue; errors: unknown[] };

function open(
  reconcile: Reconcile,
  options: { concurrency?: number; all?: string[]; revisitMs?: number } = {},
): Open {
  const errors: unknown[] = [];
  const { all = [], ...rest } = options;
  const queue = new WorkQueue({
    reconcile,
    all: () => all,
    random: () => 0,
    onError: (_id, error) => errors.push(error),
    ...rest,
  });
  return { queue, errors };
}

test("one id is looked at by one call at a time, and nudges meanwhile become one more look", async () => {
  let [running, most, looks] = [0, 0, 0];
  const gates: (() => void)[] = [];
  const { queue } = open(async () => {
    most = Math.max(most, ++running);
    looks += 1;
    await new Promise<void>((resolve) => gates.push(resolve));
    running -= 1;
    return settled;
  });

  for (let nudges = 0; nudges < 5; nudges++) queue.nudge("a");
  for (let nudges = 0; nudges < 5; nudges++) queue.nudge("a");
  gates.shift()?.();
  await turn();
  gates.shift()?.();
  await turn();

  assert.equal(gates.length, 0);
  assert.equal(most, 1);
  assert.equal(looks, 2);
  await queue.drain(10);
});

test("no more run at once than allowed", async () => {
  let [running, most] = [0, 0];
  const { queue } = open(
    async () => {
      most = Math.max(most, ++running);
      await turn();
      running -= 1;
      return settled;
    },
    { concurrency: 3 },
  );

  for (let id = 0; id < 20; id++) queue.nudge(String(id));
  for (let turns = 0; turns < 40; turns++) await turn();

  assert.equal(most, 3);
  await queue.drain(10);
});

test("a look that fails is repeated, later each time", async () => {
  const at: number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const { queue, errors } = open(async () => {
    at.push(performance.now());
    if (at.length < 3) throw new Error("not yet");
    resolve();
    return settled;
  });

  queue.nudge("a");
  await promise;

  const [first = 0, second = 0, third = 0] = at;
  assert.equal(errors.length, 2);
  assert.ok(third - second > second - first, "the second wait is longer");
  await queue.drain(10);
});

test("everything there is gets visited without any nudge", async () => {
  const seen = new Set<string>();
  const { promise, resolve } = Promise.withResolvers<void>();
  const { queue } = open(
    async (id) => {
      seen.add(id);
      if (seen.size === 3) resolve();
      return settled;
    },
    { all: ["a", "b", "c"], revisitMs: 120 },
  );
  const keepAlive = setTimeout(() => {}, 5000);

  await promise;

  clearTimeout(keepAlive);
  assert.deepEqual(seen, new Set(["a", "b", "c"]));
  await queue.drain(10);
});

test("draining lets what runs finish, starts nothing new, and breaks off what takes too long", async () => {
  let wasBrokenOff = false;
  const { queue } = open((_id, signal) => {
    const { promise, reject } = Promise.withResolvers<never>();
    signal.addEventListener("abort", () => {
      wasBrokenOff = true;
      reject(signal.reason);
    });
    return promise;
  });
  queue.nudge("a");

  await queue.drain(10);
  queue.nudge("b");

  assert.equal(wasBrokenOff, true);
});
