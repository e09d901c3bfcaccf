import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { isFault } from "@serai/kit/fault";
import type { SchemaCache } from "../src/live-schema.ts";
import { openQmpSession } from "../src/session.ts";

const { signal } = new AbortController();
const binary = process.env["SERAI_QEMU"] ?? "qemu-system-x86_64";

/** QEMU without a machine: the whole monitor, no guest, up in some 50 ms. */
function startQemu(): {
  socketPath: string;
  child: ChildProcess;
  stderrTail: () => string;
} & AsyncDisposable {
  const folder = mkdtempSync(path.join(tmpdir(), "serai-qemu-"));
  const socketPath = path.join(folder, "qmp");
  const monitor = [
    "-chardev",
    `socket,id=qmp,path=${socketPath},server=on,wait=off`,
    "-mon",
    "chardev=qmp,mode=control",
  ];
  const child = spawn(binary, ["-machine", "none", "-nodefaults", "-display", "none", ...monitor], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  return {
    socketPath,
    child,
    stderrTail: () => stderr,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill("SIGKILL");
        await once(child, "close");
      }
      rmSync(folder, { recursive: true });
    },
  };
}

test("a real QEMU greets, answers a hundred calls at once, and says what it can do", async () => {
  await using qemu = startQemu();
  const schemaCache: SchemaCache = new Map();
  await using session = await openQmpSession({ socketPath: qemu.socketPath, schemaCache }, signal);

  const statuses = await Promise.all(
    Array.from({ length: 100 }, () => session.execute("query-status", {}, {}, signal)),
  );

  assert.ok(session.greeting.version.major >= 7);
  assert.equal(statuses.length, 100);
  for (const { running } of statuses) assert.equal(typeof running, "boolean");
  assert.equal(await session.supports("query-stats", signal), true);
  const schema = await session.schema(signal);
  assert.equal(schema.hasCommand("no-such-command"), false);
  assert.equal(
    schema.hasArgumentValue("migrate-set-capabilities", "capabilities.capability", "background-snapshot"),
    true,
  );
  assert.equal(schema.hasArgument("migrate", "channels"), session.greeting.version.major >= 9);
  assert.equal(schemaCache.size, 1);
});

test("a real QEMU's refusal is a fault with its class", async () => {
  await using qemu = startQemu();
  await using session = await openQmpSession({ socketPath: qemu.socketPath }, signal);

  await assert.rejects(
    session.execute("device_del", { id: "nope" }, {}, signal),
    (error) => isFault(error, "qmp.refused") && error.details?.["class"] === "DeviceNotFound",
  );
  await assert.rejects(session.execute("query-status", {}, { isOutOfBand: true }, signal), (error) =>
    isFault(error, "qmp.refused"),
  );
});

test("integers of 64 bits go through a real QEMU unharmed", async () => {
  await using qemu = startQemu();
  await using session = await openQmpSession({ socketPath: qemu.socketPath }, signal);
  const size = 2n ** 60n + 2n ** 21n;
  const backend = { "qom-type": "memory-backend-ram", id: "ram", size, reserve: false } as const;

  // The generated type says number; QEMU's own range is wider, and a bigint carries it.
  const refusal = session.execute(
    "object-add",
    { ...backend, size: backend.size as unknown as number },
    {},
    signal,
  );

  await assert.rejects(
    refusal,
    (error) => isFault(error, "qmp.refused") && !/expected|invalid/i.test(error.message),
  );
});

test("quit is announced, and SIGKILL is noticed by every pending call", async () => {
  await using polite = startQemu();
  const session = await openQmpSession({ socketPath: polite.socketPath }, signal);
  const events = session.events(signal);
  await session.execute("quit", {}, {}, signal);
  const seen: string[] = [];
  for await (const { event } of events) seen.push(event);
  assert.deepEqual(seen, ["SHUTDOWN"]);
  assert.equal((await session.ended).reason, "closed");

  await using killed = startQemu();
  const { socketPath, stderrTail } = killed;
  const doomed = await openQmpSession({ socketPath, stderrTail: () => `last words${stderrTail()}` }, signal);
  killed.child.kill("SIGSTOP");
  const calls = Promise.allSettled([1, 2, 3].map(() => doomed.execute("query-status", {}, {}, signal)));
  killed.child.kill("SIGKILL");
  const outcomes = await calls;

  const { fault } = await doomed.ended;
  assert.match(fault.message, /last words/);
  for (const outcome of outcomes) assert.equal(outcome.status === "rejected" && outcome.reason, fault);
});

test("a QEMU that does not start gives its own words", async () => {
  const child = spawn(binary, ["-machine", "no-such-machine", "-nodefaults"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const gone = new AbortController();
  child.once("close", () => gone.abort(new Error(stderr)));

  await assert.rejects(
    openQmpSession({ socketPath: path.join(tmpdir(), "serai-never") }, gone.signal),
    /no-such-machine|unsupported machine/,
  );
});
