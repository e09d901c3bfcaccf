import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import path from "node:path";
import { tmpdir } from "node:os";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "@serai/kit/fault";
import type { QmpEvent } from "../src/qmp-types.ts";
import { openQmpSession } from "../src/session.ts";
import { greeting, startFakePeer, startFakeQemu, type Message } from "./fake-peer.ts";

const { signal } = new AbortController();
const stopEvent = '{"timestamp": {"seconds": 12, "microseconds": 345678}, "event": "STOP"}\r\n';

test("the greeting is read, capabilities are enabled, and replies find their calls in any order", async () => {
  const held: Message[] = [];
  await using qemu = await startFakeQemu((message) => {
    held.push(message);
    if (held.length < 5) return undefined;
    return held
      .toReversed()
      .map(({ id, arguments: args }) => `${JSON.stringify({ return: [args], id })}\r\n`)
      .join("");
  });
  await using session = await openQmpSession({ socketPath: qemu.socketPath }, signal);

  const replies = await Promise.all(
    [1, 2, 3, 4, 5].map((n) => session.execute("qom-list", { path: `/${n}` }, {}, signal)),
  );

  assert.deepEqual(session.greeting.version, { major: 7, minor: 2, micro: 22, package: "fake" });
  assert.deepEqual(qemu.wires[0]?.received[0], {
    execute: "qmp_capabilities",
    arguments: { enable: ["oob"] },
    id: 1,
  });
  assert.deepEqual(
    replies,
    [1, 2, 3, 4, 5].map((n) => [{ path: `/${n}` }]),
  );
});

test("messages survive any cut of the stream, large and non-ASCII ones too", async () => {
  const text = fc.string({ unit: "grapheme", maxLength: 50 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(text, { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: 17 }),
      async (names, size) => {
        await using qemu = await startFakeQemu((message, wire) => {
          const reply = { return: names.map((name) => ({ name, type: "child" })), id: message.id };
          const bytes = Buffer.from(`${stopEvent}${JSON.stringify(reply)}\r\n${stopEvent}`);
          for (let at = 0; at < bytes.length; at += size) wire.send(bytes.subarray(at, at + size));
          return undefined;
        });
        const events: QmpEvent[] = [];
        await using session = await openQmpSession(
          { socketPath: qemu.socketPath, onEvent: (event) => events.push(event) },
          signal,
        );

        const listed = await session.execute("qom-list", { path: "/" }, {}, signal);

        assert.deepEqual(
          listed.map(({ name }) => name),
          names,
        );
        assert.deepEqual(events[0], { event: "STOP", data: {}, timestampMs: 12_345 });
      },
    ),
    { numRuns: 25 },
  );
});

test("a reply of many megabytes arrives whole", async () => {
  const huge = randomBytes(12 * 1024 * 1024).toString("hex");
  await using qemu = await startFakeQemu(() => JSON.stringify({ return: huge, id: 2 }) + "\r\n");
  await using session = await openQmpSession({ socketPath: qemu.socketPath }, signal);

  assert.equal(
    await session.execute("human-monitor-command", { "command-line": "info qtree" }, {}, signal),
    huge,
  );
});

test("a refusal tells which command and why", async () => {
  await using qemu = await startFakeQemu(
    ({ id }) =>
      `${JSON.stringify({ error: { class: "DeviceNotFound", desc: "Device 'x' not found" }, id })}\r\n`,
  );
  await using session = await openQmpSession({ socketPath: qemu.socketPath }, signal);

  const refused = session.execute("device_del", { id: "x" }, {}, signal);

  await assert.rejects(refused, (error) => {
    assert.ok(isFault(error, "qmp.refused"));
    assert.deepEqual(error.details, {
      command: "device_del",
      class: "DeviceNotFound",
      description: "Device 'x' not found",
    });
    assert.equal(error.message, "QEMU refused device_del: Device 'x' not found.");
    return true;
  });
});

test("a call that was given up takes nothing with it, and its late reply is dropped", async () => {
  const late: Message[] = [];
  await using qemu = await startFakeQemu((message) => {
    if (message.execute !== "query-status") return (late.push(message), undefined);
    return (
      late
        .splice(0)
        .map(({ id }) => `${JSON.stringify({ return: ["late"], id })}\r\n`)
        .join("") + `${JSON.stringify({ return: { running: true }, id: message.id })}\r\n`
    );
  });
  await using session = await openQmpSession({ socketPath: qemu.socketPath }, signal);
  const cancel = new AbortController();
  const aborted = session.execute("qom-list", { path: "/" }, {}, cancel.signal);
  const tooSlow = session.execute("qom-list", { path: "/" }, { timeoutMs: 20 }, signal);

  cancel.abort(new Error("enough"));

  await assert.rejects(aborted, /enough/);
  await assert.rejects(
    tooSlow,
    (error) => isFault(error, "qmp.timeout") && error.message.includes("qom-list"),
  );
  assert.deepEqual(await session.execute("query-status", {}, {}, signal), { running: true });
});

test("calls that were given up still count as queued at QEMU, until it has answered them", async () => {
  const held: Message[] = [];
  await using qemu = await startFakeQemu((message) =>
    "exec-oob" in message ? {} : (held.push(message), undefined),
  );
  await using session = await openQmpSession({ socketPath: qemu.socketPath }, signal);
  const hopeless = Array.from({ length: 20 }, () =>
    session.execute("qom-list", { path: "/" }, { timeoutMs: 20 }, signal),
  );
  await Promise.allSettled(hopeless);

  const call = session.execute("query-status", {}, {}, signal);
  await session.execute("migrate-pause", {}, { isOutOfBand: true }, signal);

  assert.ok(held.every(({ execute }) => execute === "qom-list"));
  for (const { id } of held.splice(0)) qemu.wires[0]?.send(`${JSON.stringify({ return: [], id })}\r\n`);
  await session.execute("migrate-pause", {}, { isOutOfBand: true }, signal);
  qemu.wires[0]?.send(`${JSON.stringify({ return: { running: true }, id: held[0]?.id })}\r\n`);
  assert.deepEqual(await call, { running: true });
});

test("in-band calls wait for room at QEMU's queue; an out-of-band one overtakes them", async () => {
  const held: Message[] = [];
  await using qemu = await startFakeQemu((message) =>
    "exec-oob" in message ? {} : (held.push(message), undefined),
  );
  await using session = await openQmpSession({ socketPath: qemu.socketPath }, signal);
  const calls = Array.from({ length: 20 }, () => session.execute("qom-list", { path: "/" }, {}, signal));

  await session.execute("migrate-pause", {}, { isOutOfBand: true }, signal);

  assert.ok(held.length < 8, `${held.length} were sent`);
  for (let answered = 0; answered < 20; answered++) {
    const { id } = held.shift() ?? {};
    qemu.wires[0]?.send(`${JSON.stringify({ return: [], id })}\r\n`);
    await calls[answered];
    await session.execute("migrate-pause", {}, { isOutOfBand: true }, signal);
  }
  assert.equal((await Promise.all(calls)).length, 20);
});

test("all pending calls end with one fault that has QEMU's last words, and so do later ones", async () => {
  await using qemu = await startFakeQemu((message, wire) =>
    message.execute === "quit" ? (wire.close(), undefined) : undefined,
  );
  const session = await openQmpSession(
    { socketPath: qemu.socketPath, stderrTail: () => "qemu: out of cheese\n" },
    signal,
  );
  const calls = [1, 2, 3].map(() => session.execute("query-status", {}, {}, signal));

  const outcomes = await Promise.allSettled([...calls, session.execute("quit", {}, {}, signal)]);

  const { reason, fault } = await session.ended;
  assert.equal(reason, "closed");
  assert.ok(isFault(fault, "qmp.closed") && fault.message.includes("qemu: out of cheese"));
  for (const outcome of outcomes) assert.equal(outcome.status === "rejected" && outcome.reason, fault);
  await assert.rejects(session.execute("query-status", {}, {}, signal), (error) => error === fault);
});

test("events reach every subscriber from its own start on, until the session ends", async () => {
  await using qemu = await startFakeQemu(() => `${stopEvent}{"return": {}, "id": 3}\r\n`);
  const heard: string[] = [];
  const session = await openQmpSession(
    { socketPath: qemu.socketPath, onEvent: ({ event }) => heard.push(event) },
    signal,
  );
  const all = session.events(signal);
  const cancel = new AbortController();
  const some = session.events(cancel.signal);
  qemu.wires[0]?.send('{"event": "RESUME", "timestamp": {"seconds": 1, "microseconds": 0}}\r\n');
  const stopped = session.onEvent(() => heard.push("listener"));
  await assert.rejects(session.execute("query-status", {}, { timeoutMs: 30 }, signal));

  stopped();
  cancel.abort(new Error("seen enough"));
  qemu.wires[0]?.close();

  const seen: string[] = [];
  for await (const { event } of all) seen.push(event);
  assert.deepEqual(seen, ["RESUME", "STOP"]);
  assert.deepEqual(heard, ["RESUME", "listener", "STOP", "listener"]);
  await assert.rejects(async () => {
    for await (const { event } of some) seen.push(event);
  }, /seen enough/);
});

test("a subscriber that does not read is ended, and nobody else is", async () => {
  await using qemu = await startFakeQemu(
    ({ id }) => `${stopEvent.repeat(10_001)}${JSON.stringify({ return: {}, id })}\r\n`,
  );
  await using session = await openQmpSession({ socketPath: qemu.socketPath }, signal);
  const asleep = session.events(signal);

  await session.execute("query-status", {}, {}, signal);

  await assert.rejects(
    async () => {
      for await (const _event of asleep);
    },
    (error) => isFault(error, "qmp.overflow"),
  );
});

const garbage = [
  ["text", "Segmentation fault\n"],
  ["a number", "42\n"],
  ["an object that is no message", "{}\n"],
  ["half a message", '{"return": \n'],
  ["bytes", randomBytes(64).toString("latin1") + "\n"],
  ["a refusal of what nobody can name", '{"error": {"class": "GenericError", "desc": "JSON parse error"}}\n'],
] as const;

for (const [what, bytes] of garbage) {
  test(`a QEMU that sends ${what} ends the session with a fault`, async () => {
    await using qemu = await startFakeQemu(() => bytes);
    const session = await openQmpSession({ socketPath: qemu.socketPath }, signal);

    await assert.rejects(session.execute("query-status", {}, {}, signal), (error) =>
      isFault(error, "qmp.closed"),
    );

    assert.equal((await session.ended).reason, "broken");
  });
}

test("an endless line ends the session before it fills our memory", async () => {
  await using qemu = await startFakeQemu((_message, wire) => {
    const piece = Buffer.alloc(1024 * 1024, 0x78);
    for (let sent = 0; sent < 70; sent++) wire.send(piece);
    return undefined;
  });
  const session = await openQmpSession({ socketPath: qemu.socketPath }, signal);

  await assert.rejects(session.execute("query-status", {}, {}, signal), (error) =>
    isFault(error, "qmp.closed"),
  );
  assert.match((await session.ended).fault.message, /longer than/);
});

test("opening gives up at its deadline and on abort when nobody listens or nobody greets", async () => {
  await using silent = await startFakePeer({ onMessage: () => {} });
  const nobody = path.join(tmpdir(), "serai-nobody-listens");

  for (const socketPath of [silent.socketPath, nobody]) {
    await assert.rejects(openQmpSession({ socketPath, openTimeoutMs: 30 }, signal), (error) =>
      isFault(error, "qmp.timeout"),
    );
    await assert.rejects(openQmpSession({ socketPath }, AbortSignal.timeout(20)), { name: "TimeoutError" });
  }
});

test("a peer that closes before it greets is told as such at once", async () => {
  await using rude = await startFakePeer({ onConnect: (wire) => wire.close(), onMessage: () => {} });

  await assert.rejects(
    openQmpSession({ socketPath: rude.socketPath, stderrTail: () => "no such machine" }, signal),
    /no such machine/,
  );
});

test("events that come with the greeting are not lost", async () => {
  await using eager = await startFakePeer({
    onConnect: (wire) => wire.send(greeting + stopEvent),
    onMessage: ({ id }, wire) => wire.send(`${JSON.stringify({ return: {}, id })}\r\n`),
  });
  const heard: string[] = [];

  await using _session = await openQmpSession(
    { socketPath: eager.socketPath, onEvent: ({ event }) => heard.push(event) },
    signal,
  );

  assert.deepEqual(heard, ["STOP"]);
});
