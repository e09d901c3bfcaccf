import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "@serai/kit/fault";
import {
  execInGuest,
  freezeGuest,
  pingAgent,
  readAgentInfo,
  readGuestInterfaces,
  setGuestTime,
  shutDownGuest,
  thawGuest,
} from "../src/agent-calls.ts";
import { openAgentSession } from "../src/agent-session.ts";
import { startFakePeer, type FakePeer, type Message, type Wire } from "./fake-peer.ts";

const { signal } = new AbortController();
const parserComplaint = '{"error": {"class": "GenericError", "desc": "JSON parse error, stray bytes"}}\n';

/** An agent as QEMU's: complains about the 0xFF, echoes the number after one, then answers as `answer` says. */
function startFakeAgent(answer: (message: Message, wire: Wire) => unknown): Promise<FakePeer> {
  return startFakePeer({
    onMessage: (message, wire) => {
      if (message.execute === "guest-sync-delimited") {
        wire.send(parserComplaint);
        wire.send(
          Buffer.concat([
            Buffer.of(0xff),
            Buffer.from(`${JSON.stringify({ return: message.arguments?.["id"] })}\n`),
          ]),
        );
        return;
      }
      const reply = answer(message, wire);
      if (typeof reply === "string") wire.send(reply);
      else if (reply !== undefined) wire.send(`${JSON.stringify({ return: reply })}\n`);
    },
  });
}

const commands = (agent: FakePeer) =>
  agent.wires.flatMap((wire) => wire.received.map(({ execute }) => execute));
const isUnavailable = (error: unknown) => isFault(error, "vm.agent_unavailable");

test("one synchronisation serves many calls, and calls take turns", async () => {
  let inProgress = 0;
  await using fake = await startFakeAgent((_message, wire) => {
    assert.equal(++inProgress, 1);
    setImmediate(() => {
      inProgress--;
      wire.send('{"return": {}}\n');
    });
    return undefined;
  });
  await using agent = openAgentSession(fake);

  await Promise.all([1, 2, 3, 4].map(() => pingAgent(agent, 1_000, signal)));

  assert.deepEqual(commands(fake), [
    "guest-sync-delimited",
    "guest-ping",
    "guest-ping",
    "guest-ping",
    "guest-ping",
  ]);
});

test("a late answer is never taken for the answer to another call", async () => {
  let lateReply = "";
  await using fake = await startFakeAgent((message, wire) => {
    if (message.execute === "guest-get-host-name")
      return ((lateReply = '{"return": {"host-name": "late"}}\n'), undefined);
    wire.send(lateReply.replace("late", "never"));
    return { version: "9", supported_commands: [] };
  });
  // The late reply comes out first when the agent is asked to synchronise.
  const { wires } = fake;
  await using agent = openAgentSession(fake);
  await assert.rejects(agent.call("guest-get-host-name", {}, { timeoutMs: 30 }, signal), isUnavailable);
  wires[0]?.send(lateReply);
  lateReply = "";

  assert.deepEqual(await agent.call("guest-info", {}, {}, signal), { version: "9", supported_commands: [] });

  assert.deepEqual(commands(fake), [
    "guest-sync-delimited",
    "guest-get-host-name",
    "guest-sync-delimited",
    "guest-info",
  ]);
});

test("garbage of any kind before and between answers is skipped", async () => {
  const noise = fc.array(
    fc.oneof(
      fc.constantFrom(
        "{}\n",
        "[]\n",
        "null\n",
        "7\n",
        '{"event":"X"}\n',
        '\xff{"return":1}\n',
        "\n",
        "{\n",
        '{"error":1}\n',
      ),
      fc
        .uint8Array({ maxLength: 30 })
        .map((bytes) => `${Buffer.from(bytes).toString("latin1").replaceAll("{", "")}\n`),
    ),
    { maxLength: 6 },
  );
  await fc.assert(
    fc.asyncProperty(noise, fc.integer({ min: 1, max: 9 }), async (junk, size) => {
      await using fake = await startFakeAgent((_message, wire) => {
        const bytes = Buffer.from(`${junk.join("")}{"return": {"host-name": "web"}}\n`, "latin1");
        for (let at = 0; at < bytes.length; at += size) wire.send(bytes.subarray(at, at + size));
        return undefined;
      });
      await using agent = openAgentSession(fake);

      assert.deepEqual(await agent.call("guest-get-host-name", {}, {}, signal), { "host-name": "web" });
    }),
    { numRuns: 40 },
  );
});

test("an agent that is not there yet is found once it is", async () => {
  let isUp = false;
  await using fake = await startFakePeer({
    onMessage: ({ execute, arguments: args }, wire) => {
      if (!isUp) return void (isUp = true); // the guest was reset: what was on its way is lost
      if (execute !== "guest-sync-delimited") return wire.send('{"return": {}}\n');
      wire.send(
        Buffer.concat([Buffer.of(0xff), Buffer.from(`${JSON.stringify({ return: args?.["id"] })}\n`)]),
      );
    },
  });
  await using agent = openAgentSession(fake);

  await pingAgent(agent, 5_000, signal);

  assert.deepEqual(commands(fake), ["guest-sync-delimited", "guest-sync-delimited", "guest-ping"]);
});

test("complaints and echoes that come late are not taken for answers", async () => {
  const echo = (id: unknown) => [
    parserComplaint,
    Buffer.concat([Buffer.of(0xff), Buffer.from(`${JSON.stringify({ return: id })}\n`)]),
  ];
  const ids: unknown[] = [];
  await using fake = await startFakePeer({
    onMessage: ({ execute, arguments: args }, wire) => {
      if (execute !== "guest-sync-delimited")
        return void setTimeout(() => wire.send('{"return": {"host-name": "web"}}\n'), 60);
      // A slow agent: it answers the first request when the second is there, and everything else a little later.
      if (ids.push(args?.["id"]) < 2) return;
      for (const bytes of echo(ids[0])) wire.send(bytes);
      setTimeout(() => echo(ids[1]).forEach((bytes) => wire.send(bytes)), 30);
    },
  });
  await using agent = openAgentSession(fake);

  assert.deepEqual(await agent.call("guest-get-host-name", {}, {}, signal), { "host-name": "web" });
});

test("after an interrupt the session synchronises again", async () => {
  await using fake = await startFakeAgent(() => ({}));
  await using agent = openAgentSession(fake);
  await pingAgent(agent, 1_000, signal);

  agent.interrupt();
  await pingAgent(agent, 1_000, signal);

  assert.deepEqual(commands(fake), [
    "guest-sync-delimited",
    "guest-ping",
    "guest-sync-delimited",
    "guest-ping",
  ]);
});

test("nobody answers, no channel, an interrupt, an abort: each call ends with its reason", async () => {
  await using silent = await startFakePeer({ onMessage: () => {} });
  await using agent = openAgentSession(silent);
  await using nowhere = openAgentSession({ socketPath: path.join(tmpdir(), "serai-no-agent") });

  await assert.rejects(pingAgent(agent, 30, signal), isUnavailable);
  await assert.rejects(pingAgent(nowhere, 30, signal), isUnavailable);
  await assert.rejects(pingAgent(agent, 60_000, AbortSignal.timeout(20)), { name: "TimeoutError" });
  const interrupted = pingAgent(agent, 60_000, signal);
  setTimeout(() => agent.interrupt(), 20);

  await assert.rejects(interrupted, (error) => isUnavailable(error) && /reset/.test(String(error)));
});

test("a call that waits its turn keeps its own deadline", async () => {
  await using silent = await startFakePeer({ onMessage: () => {} });
  await using agent = openAgentSession(silent);
  const first = pingAgent(agent, 300, signal);
  const started = performance.now();

  await assert.rejects(pingAgent(agent, 30, signal), isUnavailable);

  assert.ok(performance.now() - started < 200);
  await assert.rejects(first, isUnavailable);
});

test("a lost connection ends the call, and the next one connects anew", async () => {
  let isFirst = true;
  await using fake = await startFakeAgent((_message, wire) =>
    isFirst ? ((isFirst = false), wire.close(), undefined) : {},
  );
  await using agent = openAgentSession(fake);

  await assert.rejects(pingAgent(agent, 5_000, signal), isUnavailable);
  await pingAgent(agent, 5_000, signal);

  assert.equal(fake.wires.length, 2);
});

test("an endless answer ends the call before it fills our memory", async () => {
  await using fake = await startFakeAgent((_message, wire) => {
    for (let sent = 0; sent < 50; sent++) wire.send(Buffer.alloc(1024 * 1024, 0x78));
    return undefined;
  });
  await using agent = openAgentSession(fake);

  await assert.rejects(
    pingAgent(agent, 10_000, signal),
    (error) => isUnavailable(error) && /too much/.test(String(error)),
  );
});

test("endless lines of garbage end the call too", async () => {
  const lines = Buffer.from(`${"x".repeat(1023)}\n`.repeat(1024));
  await using fake = await startFakeAgent((_message, wire) => {
    for (let sent = 0; sent < 66; sent++) wire.send(lines);
    return undefined;
  });
  await using agent = openAgentSession(fake);

  await assert.rejects(
    pingAgent(agent, 10_000, signal),
    (error) => isUnavailable(error) && /too much/.test(String(error)),
  );
});

test("a program is started, awaited, and its output comes back as bytes", async () => {
  const output = randomBytes(100_000);
  let asked = 0;
  await using fake = await startFakeAgent((message) => {
    if (message.execute === "guest-exec") return { pid: 42 };
    if (++asked < 3) return { exited: false };
    return { exited: true, exitcode: 3, "out-data": output.toString("base64"), "err-truncated": true };
  });
  await using agent = openAgentSession(fake);

  const input = Buffer.from("hello");
  const result = await execInGuest(agent, { path: "/bin/cat", args: ["-"], input, timeoutMs: 5_000 }, signal);

  assert.deepEqual(fake.wires[0]?.received[1]?.arguments, {
    path: "/bin/cat",
    "capture-output": true,
    arg: ["-"],
    "input-data": "aGVsbG8=",
  });
  assert.deepEqual(result, {
    exitCode: 3,
    signal: undefined,
    stdout: output,
    stderr: Buffer.alloc(0),
    isStdoutTruncated: false,
    isStderrTruncated: true,
  });
});

test("a program that does not end in time is said to run on", async () => {
  await using fake = await startFakeAgent(({ execute }) =>
    execute === "guest-exec" ? { pid: 42 } : { exited: false },
  );
  await using agent = openAgentSession(fake);

  await assert.rejects(
    execInGuest(agent, { path: "/bin/sleep", timeoutMs: 60 }, signal),
    (error) => isUnavailable(error) && /still be running/.test(String(error)),
  );
});

test("a refusal carries the agent's words, and the session goes on", async () => {
  await using fake = await startFakeAgent(({ execute }) =>
    execute === "guest-ping"
      ? {}
      : '{"error": {"class": "CommandNotFound", "desc": "The command guest-fstrim has not been found"}}\n',
  );
  await using agent = openAgentSession(fake);

  await assert.rejects(
    agent.call("guest-fstrim", {}, {}, signal),
    (error) => isFault(error, "vm.agent_refused") && error.details?.["class"] === "CommandNotFound",
  );
  await pingAgent(agent, 1_000, signal);
});

for (const nonsense of [
  7,
  null,
  "x",
  [{ name: 5 }],
  [{ name: "eth0", "ip-addresses": 1 }],
  [{ name: "eth0", "ip-addresses": [{ "ip-address": "::1", prefix: 1.5 }] }],
]) {
  test(`interfaces that are ${JSON.stringify(nonsense)} are refused, not believed`, async () => {
    await using fake = await startFakeAgent(() => `${JSON.stringify({ return: nonsense })}\n`);
    await using agent = openAgentSession(fake);

    await assert.rejects(readGuestInterfaces(agent, signal), isUnavailable);
  });
}

test("the clock is set in whole nanoseconds", async () => {
  let raw = "";
  await using fake = await startFakeAgent((message) => {
    raw = JSON.stringify(message.arguments);
    return {};
  });
  await using agent = openAgentSession(fake);

  await setGuestTime(agent, 1_790_000_000_123, signal);

  assert.equal(raw, JSON.stringify({ time: 1_790_000_000_123_000_000 }));
});

test("a shutdown is silent when it works and speaks when it is refused", async () => {
  let isRefused = false;
  await using fake = await startFakeAgent(({ execute }) => {
    if (execute === "guest-ping") return {};
    return isRefused ? '{"error": {"class": "GenericError", "desc": "no init"}}\n' : undefined;
  });
  await using agent = openAgentSession(fake);

  await shutDownGuest(agent, "powerdown", signal);
  isRefused = true;

  await assert.rejects(shutDownGuest(agent, "powerdown", signal), (error) =>
    isFault(error, "vm.agent_refused"),
  );
});

test("only commands that the agent is willing to carry out are listed", async () => {
  const supported_commands = [
    { name: "guest-ping", enabled: true, "success-response": true },
    { name: "guest-exec", enabled: false, "success-response": true },
  ];
  await using fake = await startFakeAgent(() => ({ version: "7.2.22", supported_commands }));
  await using agent = openAgentSession(fake);

  assert.deepEqual(await readAgentInfo(agent, signal), { version: "7.2.22", commands: ["guest-ping"] });
});

test("file systems are frozen and thawed, and counted", async () => {
  await using fake = await startFakeAgent(({ execute }) =>
    execute === "guest-fsfreeze-freeze" ? 2 : '{"return": "two"}\n',
  );
  await using agent = openAgentSession(fake);

  assert.equal(await freezeGuest(agent, 1_000, signal), 2);
  await assert.rejects(thawGuest(agent, 50, signal), isUnavailable);
});

test("disposing ends calls in progress and in waiting", async () => {
  await using silent = await startFakePeer({ onMessage: () => {} });
  const agent = openAgentSession(silent);
  const calls = [1, 2, 3].map(() => pingAgent(agent, 60_000, signal));
  const outcomes = Promise.allSettled(calls);
  await new Promise((resolve) => setImmediate(resolve));

  await agent[Symbol.asyncDispose]();

  for (const outcome of await outcomes)
    assert.ok(outcome.status === "rejected" && isUnavailable(outcome.reason));
});
