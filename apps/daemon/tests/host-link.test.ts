import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { hostLinkContract } from "@serai/control/testing/host-link-contract";
import { fakeHost } from "@serai/control/testing/fake-host";
import { serveHost } from "@serai/host-agent/server";
import { isFault } from "@serai/kit/fault";
import { createLogger } from "@serai/kit/logger";
import { aRecord } from "@serai/model/testing/a-vm";
import type { VmRecord } from "@serai/model/vm";
import { createHostLinkClient } from "../src/host-link/host-link-client.ts";

const signal = AbortSignal.timeout(60_000);
const logger = createLogger("test", "silent");

async function open() {
  const folder = await mkdtemp(join(tmpdir(), "serai-link-"));
  const socketPath = join(folder, "host.sock");
  const records = new Map<string, VmRecord>();
  const host = fakeHost({ vm: (id) => records.get(id), image: () => undefined });
  const server = await serveHost({ agent: host, socketPath, logger });
  const link = createHostLinkClient(socketPath);
  return {
    host,
    link,
    server,
    socketPath,
    spec: aRecord().spec,
    intend: (id: string, record: VmRecord | undefined) =>
      void (record === undefined ? records.delete(id) : records.set(id, record)),
    [Symbol.asyncDispose]: async () => {
      link.close();
      await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

hostLinkContract("the host over its socket", open);

test("a host that is gone is unreachable, and reachable again when it is back", async () => {
  await using world = await open();
  await world.link.describe(signal);

  await world.server.close();
  await assert.rejects(world.link.describe(signal), (error) => isFault(error, "host.unreachable"));
  const again = await serveHost({ agent: world.host, socketPath: world.socketPath, logger });

  assert.equal((await world.link.describe(signal)).name, "fake");
  await again.close();
});

test("nothing but the closed list of requests is answered, and only in its shape", async () => {
  await using world = await open();
  const post = (path: string, body: string) =>
    new Promise<number>((resolve, reject) => {
      const call = request({ socketPath: world.socketPath, method: "POST", path }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      call.on("error", reject);
      call.end(body);
    });

  const statuses = await Promise.all([
    post("/v1/close", "{}"),
    post("/v1/constructor", "{}"),
    post("/v1/look", "{}"),
    post("/v1/look", '{"vm":"../../etc/passwd"}'),
    post("/v1/look", '{"vm":"vm-000000000000","path":"/etc"}'),
    post("/v1/act", '{"verb":"format","vm":"vm-000000000000","generation":1}'),
    post("/v1/look", "x".repeat(10_000)),
  ]);

  assert.deepEqual(statuses, [409, 409, 409, 409, 409, 409, 409]);
});

test("raw streams go both ways", async () => {
  await using world = await open();

  const stream = await world.link.openStream("vm-000000000000", "serial", signal);
  stream.write("hello");
  const [echo] = (await new Promise<Buffer[]>((resolve) =>
    stream.once("data", (data: Buffer) => resolve([data])),
  )) as [Buffer];

  assert.equal(echo.toString(), "hello");
  stream.destroy();
});
