import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Fault, isFaultCode } from "@serai/kit/fault";
import type { ChangeFrame } from "@serai/control/services/services";
import { bearer, jsonHeaders, startApi, type Got } from "./api-world.ts";
import { fakeServices, secrets } from "./fake-services.ts";

const api = await startApi(fakeServices(), {
  limits: { headersMs: 300, jsonBodyMs: 300, strangerRate: { perSecond: 1e6, burst: 1e6 } },
});
const json = jsonHeaders(secrets.admin);
const post = (body: string, headers = json) => api.send("/v1/vms", { method: "POST", headers, body });

function assertProblem(got: Got, status: number, code: string): void {
  const problem = got.json();
  assert.deepEqual([got.status, problem["code"], problem["status"]], [status, code, status], got.text);
  assert.match(String(got.headers["content-type"]), /^application\/problem\+json/);
  assert.match(String(problem["detail"]), /^.{15,}\.$/s);
}

const bodies = [
  ["no JSON", "{name:1}", 400, "request.malformed"],
  ["half a body", '{"name":"a"', 400, "request.malformed"],
  ["a field twice", '{"name":"a","cpus":1,"cpus":2}', 400, "request.malformed"],
  ["a field twice, once escaped", '{"name":"a","cpus":1,"\\u0063pus":2}', 400, "request.malformed"],
  ["a prototype", '{"name":"a","__proto__":{"isAdmin":true}}', 400, "request.malformed"],
  ["a constructor deep inside", '{"name":"a","labels":{"constructor":"x"}}', 400, "request.malformed"],
  ["an unknown field", '{"name":"a","colour":"red"}', 400, "request.malformed"],
  ["a wrong type", '{"name":"a","cpus":"2"}', 400, "request.malformed"],
  ["a number beyond its range", '{"name":"a","cpus":1e300}', 400, "request.malformed"],
  ["another kind of value", "[]", 400, "request.malformed"],
  ["null", "null", 400, "request.malformed"],
  ["nothing", "", 400, "request.malformed"],
  ["a deep nest", `{"name":${"[".repeat(40)}${"]".repeat(40)}}`, 400, "request.malformed"],
  ["an abyss", "[".repeat(500_000), 400, "request.malformed"],
  ["more than a MiB", JSON.stringify({ name: "x".repeat(1024 * 1024) }), 413, "request.too_large"],
] as const;

for (const [name, body, status, code] of bodies) {
  test(`a body that is ${name} is refused with ${code}`, async () =>
    assertProblem(await post(body), status, code));
}

test("colons, quotes and backslashes inside strings are no members", async () => {
  const got = await post(
    JSON.stringify({ name: "a", description: 'a:b "c:d" \\: \\', labels: { "x/y": "::" } }),
  );
  assert.equal(got.status, 202);
});

test("a message names the field, says what is allowed and what to do", async () => {
  const got = await post('{"name":"a","disks":[{"name":"root","bus":"ide"}],"firmware":"coreboot"}');

  const issues = (got.json()["details"] as { issues: { path: string; allowed?: string }[] }).issues;
  assert.deepEqual(issues.map(({ path }) => path).toSorted(), ["disks[0].bus", "firmware"]);
  assert.equal(issues.find(({ path }) => path === "firmware")?.allowed, '"bios", "uefi"');
  assert.match(String(got.json()["detail"]), /allowed: .*correct it/);
});

test("in a union, only what is wrong with the kind that was meant is told", async () => {
  const got = await api.send("/v1/images", {
    method: "POST",
    headers: json,
    body: '{"name":"a","source":{"kind":"url","url":"ftp://x","format":"raw"}}',
  });
  const issues = (got.json()["details"] as { issues: { path: string }[] }).issues;
  assert.deepEqual(
    issues.map(({ path }) => path),
    ["source.url"],
  );
});

const places = [
  ["an unknown path", "GET", "/v1/nothing", 404, "request.unknown_route"],
  ["a wrong method", "PATCH", "/v1/vms", 405, "request.method_not_allowed"],
  ["an exotic method", "PROPFIND", "/v1/vms", 405, "request.method_not_allowed"],
  ["bad percent-encoding", "GET", "/v1/vms/%c3%28%", 400, "request.malformed"],
  ["an encoded slash", "GET", "/v1/vms/..%2f..%2fetc%2fpasswd", 400, "request.malformed"],
  ["an unknown query", "GET", "/v1/vms?colour=red", 400, "request.malformed"],
  ["a query twice", "GET", "/v1/vms?limit=1&limit=2", 400, "request.malformed"],
  ["a number that is none", "GET", "/v1/vms?limit=0x10", 400, "request.malformed"],
  ["a number out of range", "GET", "/v1/vms?limit=1001", 400, "request.malformed"],
  ["a boolean that is none", "DELETE", "/v1/vms/web-1?force=yes", 400, "request.malformed"],
  ["a very long name", "GET", `/v1/vms/${"a".repeat(3000)}`, 400, "request.malformed"],
  ["a WebSocket without upgrade", "GET", "/v1/watch", 400, "request.malformed"],
] as const;

for (const [name, method, path, status, code] of places) {
  test(`${name} is answered ${status} ${code}`, async () => {
    assertProblem(await api.send(path, { method, headers: bearer(secrets.admin) }), status, code);
  });
}

test("a wrong method names the right ones, a wrong content type the right one", async () => {
  const method = await api.send("/v1/vms/web-1", { method: "POST", headers: bearer(secrets.admin) });
  const type = await post("name: a", { ...json, "content-type": "application/yaml" });
  const noType = await post('{"name":"a"}', bearer(secrets.admin));

  assert.equal(method.headers["allow"], "DELETE, GET, HEAD, PATCH");
  assertProblem(type, 415, "request.unsupported_media_type");
  assertProblem(noType, 415, "request.unsupported_media_type");
});

test("what the HTTP parser refuses is a problem too", async () => {
  const host = `host: localhost:${api.port}\r\n`;
  const cases = {
    garbage: "\0\0\0 hello\r\n\r\n",
    overflow: `GET / HTTP/1.1\r\n${host}x: ${"y".repeat(20_000)}\r\n\r\n`,
    smuggling: `POST /v1/vms HTTP/1.1\r\n${host}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    upgrade: `GET /v1/watch HTTP/1.1\r\n${host}authorization: Bearer ${secrets.admin}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`,
  };

  for (const [name, bytes] of Object.entries(cases)) {
    const reply = await api.raw(bytes);
    const body = reply.slice(reply.indexOf("\r\n\r\n") + 4);
    assert.match(reply, /^HTTP\/1\.1 4\d\d /, name);
    assert.ok(isFaultCode((JSON.parse(body) as { code: string }).code), name);
  }
});

test("slow headers and slow bodies are cut off, and nobody else waits for them", async () => {
  const started = performance.now();

  const [headers, body, other] = await Promise.all([
    api.raw("GET /v1/health HTTP/1.1\r\nhost: localhost\r\nx-slow: "),
    api.raw(
      `POST /v1/vms HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${secrets.admin}\r\ncontent-type: application/json\r\ncontent-length: 100\r\nconnection: close\r\n\r\n{"na`,
    ),
    api.send("/v1/vms", { headers: bearer(secrets.viewer) }),
  ]);

  assert.match(headers, /^HTTP\/1\.1 408 /);
  assert.match(body, /^HTTP\/1\.1 408 [\s\S]*request\.timeout/);
  assert.equal(other.status, 200);
  assert.ok(performance.now() - started < 5000);
});

test("a bug is a 500 without a word of it, and is logged once with its request's id", async () => {
  const broken = await startApi(
    fakeServices({
      vms: {
        get: () => {
          throw new Error("secret detail", { cause: new Error("deeper") });
        },
      },
    }),
  );

  const got = await broken.send("/v1/vms/web-1", { headers: bearer(secrets.viewer) });

  assert.equal(got.status, 500);
  assert.ok(!got.text.includes("secret detail"));
  assert.equal(broken.errors.length, 1);
  assert.match(broken.errors[0] ?? "", /secret detail <- Error: deeper/);
  assert.ok(broken.errors[0]?.includes(String(got.json()["requestId"])));
});

test("a watcher that does not read is told to resume, and its memory is given back", async () => {
  let sent = 0;
  const flood = async function* (): AsyncGenerator<ChangeFrame> {
    const json = JSON.stringify({
      revision: 1,
      kind: "event",
      type: "put",
      id: "x",
      object: "y".repeat(64 * 1024),
    });
    for (; ; sent++) {
      yield { revision: sent, json };
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const flooding = await startApi(fakeServices({ changes: { follow: flood } }), {
    limits: { webSocketBufferBytes: 1024 * 1024 },
  });
  const socket = flooding.webSocket("/v1/watch", bearer(secrets.viewer));
  socket.on("error", () => {}); // the close below is what counts
  await once(socket, "open");

  socket.pause();
  const deadline = performance.now() + 10_000;
  for (let before = -1; before !== sent && performance.now() < deadline;) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 200)); // until the flood has stopped
  }
  socket.resume();
  const [code] = (await once(socket, "close")) as [number];

  assert.ok([4001, 1006].includes(code), String(code));
  assert.ok(sent * 64 * 1024 < 64 * 1024 * 1024, `${sent} frames were buffered`);
});

test("a watch from before what is remembered is told to list again, whenever that is found out", async () => {
  const compacted = () => {
    throw new Fault("store.compacted", "Changes after revision 1 are no longer known: list again.");
  };
  for (const follow of [
    compacted,
    async function* (): AsyncGenerator<ChangeFrame> {
      yield { revision: 1, json: "{}" };
      compacted();
    },
  ]) {
    const forgetful = await startApi(fakeServices({ changes: { follow } }));
    const socket = forgetful.webSocket("/v1/watch?from=1", bearer(secrets.viewer));
    const [code, reason] = (await once(socket, "close", { signal: AbortSignal.timeout(5000) })) as [
      number,
      Buffer,
    ];
    assert.equal(code, 4002);
    assert.match(String(reason), /^store\.compacted/);
    await forgetful.close();
  }
});

test("the serial relay carries bytes both ways, holds a fast guest back and ends with it", async () => {
  const socket = api.webSocket("/v1/vms/web-1/serial", bearer(secrets.operator));
  await once(socket, "open");
  const block = Buffer.alloc(512 * 1024, 7);
  let received = 0;
  socket.on("message", (data: Buffer) => (received += data.length));

  for (let at = 0; at < 8; at++) socket.send(block);
  const deadline = performance.now() + 10_000;
  while (received < 8 * block.length && performance.now() < deadline)
    await new Promise((resolve) => setImmediate(resolve));
  socket.close();

  assert.equal(received, 8 * block.length);
  assert.equal(socket.protocol, "binary");
});

test("closing the server says goodbye to sockets and leaves nothing open", async () => {
  const waiting = await startApi(
    fakeServices({
      changes: {
        follow: async function* (_options, _actor, signal): AsyncGenerator<ChangeFrame> {
          yield { revision: 1, json: '{"revision":1,"kind":"bookmark"}' };
          await new Promise((_resolve, reject) =>
            signal.addEventListener("abort", () => reject(signal.reason)),
          );
        },
      },
    }),
  );
  const socket = waiting.webSocket("/v1/watch", bearer(secrets.viewer));
  await once(socket, "message");
  const closed = once(socket, "close");

  await waiting.close();

  assert.equal((await closed)[0], 1001);
  await assert.rejects(waiting.send("/v1/health"));
});
