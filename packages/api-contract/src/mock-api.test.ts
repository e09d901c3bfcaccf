import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "@serai/kit/fault";
import { Compile } from "typebox/compile";
import { createClient, listAll, waitForOperation } from "./client.ts";
import { createMockApi, type MockApi } from "./mock-api.ts";
import { OperationSchema, VmViewSchema } from "./schemas.ts";
import type { Transport } from "./transport.ts";
import type { WatchFrame } from "./watch-frame.ts";

const signal = new AbortController().signal;

/** The mock behind the typed client; each request moves its world one step. */
function clientOf(api: MockApi) {
  const transport: Transport = {
    async request({ method, path, headers, body }) {
      const reply = api.handle({ method, path, headers, ...(typeof body === "string" && { body }) });
      api.advance();
      return {
        ...reply,
        body: typeof reply.body === "string" ? new TextEncoder().encode(reply.body) : reply.body,
      };
    },
  };
  return createClient(transport);
}

test("a VM is created, started, stopped and deleted, and its operations progress", async () => {
  const client = clientOf(createMockApi({ nowMs: () => 0 }));
  const phases: string[] = [];

  const create = await client.call("createVm", { body: { name: "mine" }, query: { start: true } }, signal);
  await waitForOperation(client, create.id, { onProgress: ({ phase }) => phases.push(phase) }, signal);
  const running = await client.call("getVm", { params: { vm: "mine" } }, signal);
  const stop = await client.call("stopVm", { params: { vm: "mine" }, body: { force: true } }, signal);
  await waitForOperation(client, stop.id, {}, signal);
  const remove = await client.call("deleteVm", { params: { vm: running.id } }, signal);
  await waitForOperation(client, remove.id, {}, signal);

  assert.equal(running.state, "running");
  assert.deepEqual(phases, ["running", "running", "succeeded"].slice(-phases.length));
  await assert.rejects(client.call("getVm", { params: { vm: "mine" } }, signal), (error) =>
    isFault(error, "vm.not_found"),
  );
});

test("the client throws the fault that the server named, with its details", async () => {
  const client = clientOf(createMockApi({ nowMs: () => 0 }));

  const again = client.call("createVm", { body: { name: "web-00001" } }, signal);

  await assert.rejects(
    again,
    (error) =>
      isFault(error, "name.taken") &&
      error.details?.["name"] === "web-00001" &&
      error.details["status"] === 409,
  );
});

test("10,000 VMs are listed page by page and fit the schema", async () => {
  const client = clientOf(createMockApi({ nowMs: () => 0, vmCount: 10_000 }));
  const check = Compile(VmViewSchema);
  const names = new Set<string>();

  for await (const vm of listAll(client, "listVms", { limit: 1000 }, signal)) {
    if (names.size % 500 === 0) assert.deepEqual(check.Errors(vm), []);
    names.add(vm.name);
  }

  assert.equal(names.size, 10_000);
});

test("a follower that resumes sees every change after its revision once", async () => {
  const api = createMockApi({ nowMs: () => 0 });
  const client = clientOf(api);
  const from = api.state.revision();
  const live: WatchFrame[] = [];
  const resumed: WatchFrame[] = [];

  const stop = api.follow(from, (frame) => live.push(frame));
  const { id } = await client.call("createVm", { body: { name: "mine" } }, signal);
  await waitForOperation(client, id, {}, signal);
  stop();
  api.follow(from, (frame) => resumed.push(frame))();

  const changes = (frames: WatchFrame[]) => frames.filter(({ kind }) => kind !== "bookmark");
  assert.deepEqual(changes(resumed), changes(live));
  const last = changes(live).findLast((frame) => frame.kind === "operation");
  assert.deepEqual(Compile(OperationSchema).Errors(last && "object" in last ? last.object : undefined), []);
});

test("without a session the mock refuses everything but health and login", () => {
  const api = createMockApi({ nowMs: () => 0, needsLogin: true });

  assert.equal(api.handle({ method: "GET", path: "/v1/vms" }).status, 401);
  assert.equal(api.handle({ method: "GET", path: "/v1/health" }).status, 200);
});
