import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "@serai/kit/fault";
import { isEnded, type Operation } from "@serai/model/operation";
import { admin, controlWorld, type ControlWorld } from "../src/testing/control-world.ts";

const names = ["a", "b", "c"] as const;
const verbs = ["start", "stop", "pause", "resume", "reset", "suspend"] as const;

const anyAct = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("create" as const),
      vm: fc.constantFrom(...names),
      start: fc.boolean(),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("power" as const),
      vm: fc.constantFrom(...names),
      verb: fc.constantFrom(...verbs),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("delete" as const), vm: fc.constantFrom(...names) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("cancel" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("fail" as const),
      step: fc.constantFrom("launch", "pause", "resume", "suspend", "reset", "kill", "provision"),
      code: fc.constantFrom("vm.start_failed", "pool.full", "qmp.timeout", "qmp.refused"),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("end" as const),
      vm: fc.constantFrom(...names),
      cause: fc.constantFrom("process_killed", "guest_shutdown", "host_oom"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("panic" as const), vm: fc.constantFrom(...names) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reach" as const), isReachable: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("breathe" as const) }) },
);
type Act = typeof anyAct extends fc.Arbitrary<infer A> ? A : never;

const signal = AbortSignal.timeout(600_000);

test("whatever is asked and whatever fails, each operation ends and each VM becomes what is wanted", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyAct, { minLength: 4, maxLength: 14 }), async (acts) => {
      await using world = await controlWorld();
      const operations: Operation[] = [];
      for (const act of acts) await perform(world, act, operations);
      world.host.isReachable = true;
      await settle(world, operations);
    }),
    { numRuns: Number(process.env["SERAI_RUNS"] ?? 12), endOnFailure: true },
  );
});

async function perform(world: ControlWorld, act: Act, operations: Operation[]): Promise<void> {
  const context = { actor: admin };
  const { vms, operations: receipts } = world.services;
  const idOf = (name: string) => {
    const json = vms.list({}, admin).items.find((item) => JSON.parse(item).name === name);
    return json === undefined ? "vm-zzzzzzzzzzzz" : (JSON.parse(json).id as string);
  };
  try {
    switch (act.do) {
      case "create":
        operations.push(await vms.create({ name: act.vm }, { start: act.start }, context, signal));
        return;
      case "power":
        operations.push(
          await vms.requestPower(
            act.vm,
            { verb: act.verb, ...(act.verb === "stop" && { deadlineSeconds: 1 }) } as never,
            context,
            signal,
          ),
        );
        return;
      case "delete":
        operations.push(await vms.delete(act.vm, { force: true }, context, signal));
        return;
      case "cancel": {
        const last = operations.at(-1);
        if (last !== undefined) await receipts.cancel(last.id, admin, signal);
        return;
      }
      case "fail":
        return world.host.failNext(act.step as never, act.code as never);
      case "end":
        return world.host.end(idOf(act.vm), act.cause as never);
      case "panic":
        if (world.host.processes().includes(idOf(act.vm))) world.host.trouble(idOf(act.vm), "guest_panic");
        return;
      case "reach":
        world.host.isReachable = act.isReachable;
        return;
      case "restart":
        return await world.restart();
      case "breathe":
        await new Promise((resolve) => setTimeout(resolve, 20));
        return;
    }
  } catch (error) {
    if (!isFault(error)) throw error; // a refusal is an answer too
  }
}

async function settle(world: ControlWorld, operations: Operation[]): Promise<void> {
  for (const operation of operations) {
    const end = await world.ended(operation);
    assert.ok(
      isEnded(end),
      `still open: ${JSON.stringify(end)} ${world.services.vms.list({}, admin).items.join()}`,
    );
    if (end.phase === "failed") assert.ok(end.fault !== undefined, JSON.stringify(end));
  }
  const views = () => world.services.vms.list({}, admin).items.map((json) => JSON.parse(json));
  const isAsWanted = (view: { power: string; state: string; restartAt?: string }) =>
    view.power === "stopped"
      ? view.state === "absent"
      : view.state === view.power || view.restartAt !== undefined;
  await world
    .until("all are as wanted", () => views().every((view) => !view.isDeleting && isAsWanted(view)))
    .catch((error: unknown) => {
      assert.fail(`${String(error)} ${JSON.stringify(views())}`);
    });
  const known = new Set(views().map((view) => view.id as string));
  for (const vm of world.host.holdings().vms) assert.ok(known.has(vm), `the host still has ${vm}`);
}
