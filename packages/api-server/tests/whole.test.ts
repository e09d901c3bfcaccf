import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { test } from "node:test";
import { createClient, listAll, waitForOperation } from "@serai/api-contract/client";
import { nodeTransport } from "@serai/api-contract/node-transport";
import type { WatchFrame } from "@serai/api-contract/watch-frame";
import { controlWorld } from "@serai/control/testing/control-world";
import { poll } from "@serai/kit/deadline";
import { isFault } from "@serai/kit/fault";
import { WebSocket } from "ws";
import { startApi } from "./api-world.ts";

/** The real services over a real store, behind the real server, asked through the typed client. */
const world = await controlWorld();
const api = await startApi(world.services, { isTrustedPeer: () => true });
const transport = nodeTransport({ socketPath: api.socketPath });
const client = createClient(transport);
const signal = AbortSignal.timeout(60_000);
test.after(async () => {
  transport.close();
  await api.close();
  await world[Symbol.asyncDispose]();
});

async function createVm(name: string): Promise<string> {
  const { id, target } = await client.call("createVm", { body: { name } }, signal);
  assert.equal((await waitForOperation(client, id, {}, signal)).phase, "succeeded");
  return target.id;
}

test("one key makes one VM, however often it is sent; with another request it is refused", async () => {
  const headers = { "idempotency-key": "key-1" };

  const [first, second] = await Promise.all([
    client.call("createVm", { body: { name: "once" }, headers }, signal),
    client.call("createVm", { body: { name: "once" }, headers }, signal),
  ]);
  const third = client.call("createVm", { body: { name: "twice" }, headers }, signal);

  assert.equal(first.id, second.id);
  await assert.rejects(third, (error) => isFault(error, "request.idempotency_mismatch"));
});

test("a change names the version it is meant for, and is refused when there is a newer one", async () => {
  const vm = await createVm("etag");
  const before = await api.sendLocal(`/v1/vms/${vm}`);
  const change = (etag: string, memoryMiB: number) =>
    client.call(
      "changeVm",
      { params: { vm }, body: { memoryBytes: memoryMiB * 1024 * 1024 }, headers: { "if-match": etag } },
      signal,
    );

  await change(String(before.headers["etag"]), 256);

  await assert.rejects(change(String(before.headers["etag"]), 512), (error) =>
    isFault(error, "request.precondition_failed"),
  );
  const after = await client.call("getVm", { params: { vm } }, signal);
  assert.equal(after.memoryBytes, 256 * 1024 * 1024);
  assert.equal((await api.sendLocal(`/v1/vms/${vm}`)).headers["etag"], `"${after.generation}"`);
});

/** Collects frames; the connection may be cut at any moment. */
async function watchOnce(from: number, seen: WatchFrame[]): Promise<() => Promise<void>> {
  const socket = new WebSocket(`ws+unix:${api.socketPath}:/v1/watch?from=${from}`, "serai.v1");
  socket.on("error", () => {}); // cut on purpose
  socket.on("message", (data: Buffer) => seen.push(JSON.parse(String(data)) as WatchFrame));
  await once(socket, "open");
  return async () => {
    socket.terminate();
    await once(socket, "close");
  };
}

test("a watch that is cut again and again and resumes misses nothing", async () => {
  const { revision } = await client.call("listVms", { query: { limit: 1 } }, signal);
  const seen: WatchFrame[] = [];
  let isWriting = true;
  let cuts = 0;
  const writing = (async () => {
    for (let at = 0; at < 40; at++) {
      const vm = await createVm(`watched-${at}`);
      if (at % 2 === 0) await client.call("deleteVm", { params: { vm } }, signal);
    }
    isWriting = false;
  })();

  while (isWriting) {
    const cut = await watchOnce(seen.at(-1)?.revision ?? revision, seen);
    const before = seen.length;
    await poll(
      { ms: 5000, everyMs: 1, code: "request.timeout", message: "no frame" },
      signal,
      () => seen.length > before + 3 || !isWriting || undefined,
    );
    await cut();
    cuts += 1;
  }
  await writing;
  await world.until(
    "all deletions are done",
    () =>
      world.host.holdings().vms.length ===
      world.services.vms.list({}, { name: "ann", role: "admin" }).items.length,
  );
  const end = await client.call("listVms", {}, signal);
  const cut = await watchOnce(seen.at(-1)?.revision ?? revision, seen);
  await poll(
    { ms: 5000, everyMs: 5, code: "request.timeout", message: "no end" },
    signal,
    () => (seen.at(-1)?.revision ?? 0) >= end.revision || undefined,
  );
  await cut();

  assert.ok(cuts > 5, `only ${cuts} cuts`);
  assert.deepEqual(
    seen.map((frame) => frame.revision),
    seen.map((frame) => frame.revision).toSorted((a, b) => a - b),
    "revisions fell",
  );
  const events = new Set(
    seen.flatMap((frame) => (frame.kind === "event" && frame.type === "put" ? [frame.id] : [])),
  );
  for await (const event of listAll(client, "listEvents", {}, signal)) {
    if (event.target.name?.startsWith("watched-"))
      assert.ok(events.has(event.id), `${event.type} of ${event.target.name} was missed`);
  }
  const known = new Map<string, string>();
  for (const frame of seen) {
    if (frame.kind === "bookmark" || frame.kind !== "vm") continue;
    if (frame.type === "put") known.set(frame.id, JSON.stringify(frame.object));
    else known.delete(frame.id);
  }
  for (const vm of end.items.filter(({ name }) => name.startsWith("watched-")))
    assert.equal(known.get(vm.id), JSON.stringify(vm));
  assert.equal(known.size, end.items.filter(({ name }) => name.startsWith("watched-")).length);
});

test("an interrupted upload goes on where it stopped", async () => {
  const content = Buffer.alloc(3 * 1024 * 1024, "serai");
  const declared = await client.call(
    "createImage",
    { body: { name: "sent", source: { kind: "upload", format: "raw", sizeBytes: content.length } } },
    signal,
  );
  const image = declared.target.id;
  const received = async () =>
    (await client.call("getImage", { params: { image } }, signal)).receivedBytes ?? 0;

  const half = httpRequest({
    socketPath: api.socketPath,
    method: "PUT",
    path: `/v1/images/${image}/content?offset=0`,
    headers: { "content-type": "application/octet-stream", "content-length": String(content.length) },
  });
  half.on("error", () => {}); // cut on purpose
  half.write(content.subarray(0, 1024 * 1024));
  const offset = await poll(
    { ms: 5000, everyMs: 5, code: "request.timeout", message: "nothing arrived" },
    signal,
    async () => (await received()) || undefined,
  );
  half.destroy();
  const send = async (from: number) =>
    client.call(
      "uploadImage",
      { params: { image }, query: { offset: from }, body: content.subarray(from) },
      signal,
    );
  const wrong = await send(1).catch((error: unknown) => error);
  await poll(
    { ms: 5000, everyMs: 20, code: "request.timeout", message: "never resumed" },
    signal,
    async () => {
      const answer = await send(await received()).catch((error: unknown) => error);
      return isFault(answer) ? undefined : true;
    },
  );
  const operation = await waitForOperation(client, declared.id, {}, signal);

  assert.ok(offset > 0);
  assert.ok(
    isFault(wrong, "request.precondition_failed") || isFault(wrong, "image.not_ready"),
    String(wrong),
  );
  assert.equal(operation.phase, "succeeded");
  assert.deepEqual(api.errors, []);
});
