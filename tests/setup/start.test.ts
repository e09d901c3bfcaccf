import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { type Sandbox, sandbox } from "./sandbox.ts";

/** A daemon as far as the start script can tell: a ready line, a local socket, and an end on SIGTERM. */
const standIn = `
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { parseArgs } from "node:util";

const { values } = parseArgs({ options: { "state-dir": { type: "string" }, port: { type: "string" } } });
const run = join(values["state-dir"] ?? "", "run");
mkdirSync(run, { recursive: true });
const apiSocket = join(run, "api.sock");
const replies: Record<string, unknown> = {
  "/v1/health": { status: "ok" },
  "/v1/vms?limit=20": { items: [{ name: "web", state: "running", accelerator: "tcg", addresses: ["10.0.2.15"] }] },
  "/v1/login-links": { url: \`https://localhost:\${values.port}/login#code\` },
};
const server = createServer((request, reply) => reply.end(JSON.stringify(replies[request.url ?? ""])));
server.listen(apiSocket, () => {
  writeFileSync(join(values["state-dir"] ?? "", "pid"), String(process.pid));
  console.log(JSON.stringify({ ready: true, pid: process.pid }));
});
process.on("SIGTERM", () => {
  appendFileSync(join(values["state-dir"] ?? "", "ended"), "by SIGTERM");
  process.exit(0);
});
`;

function machineWith(daemon: string): Sandbox {
  const machine = sandbox();
  machine.file("apps/daemon/src/main.ts", daemon);
  machine.file("package.json", '{ "type": "module" }\n');
  return machine;
}

/** A port that nobody listens on, unless the test itself does. */
async function port(keep: "taken" | "free"): Promise<{ number: string; [Symbol.dispose](): void }> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const number = String((server.address() as AddressInfo).port);
  if (keep === "free") server.close();
  return { number, [Symbol.dispose]: () => void server.close() };
}

const args = (machine: Sandbox, number: string, ...more: string[]) => [
  "--state-dir",
  join(machine.root, "state"),
  "--port",
  number,
  ...more,
];

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`${signal} in the foreground stops the daemon and says what becomes of the guests`, async () => {
    using machine = machineWith(standIn);
    using free = await port("free");

    const result = await machine.run("scripts/start", args(machine, free.number), {
      interrupt: { signal, when: /Ctrl-C stops/ },
    });

    assert.equal(result.code, 0, result.stderr);
    assert.match(result.stdout, /web +running +tcg +10\.0\.2\.15/);
    assert.match(result.stdout, new RegExp(`Log in: +https://localhost:${free.number}/login#code`));
    assert.match(result.stdout, /Guests that were running still run/);
    assert.equal(machine.read("state/ended"), "by SIGTERM");
  });
}

test("detached, the script returns, the daemon stays, and a second start finds it", async () => {
  using machine = machineWith(standIn);
  using free = await port("free");

  const first = await machine.run("scripts/start", args(machine, free.number, "--detach"));
  const pid = Number(machine.read("state/pid"));
  try {
    const second = await machine.run("scripts/start", args(machine, free.number, "--detach"));

    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stdout, new RegExp(`background as process ${pid}`));
    assert.equal(second.code, 0, second.stderr);
    assert.match(second.stdout, /Serai is already running\.[\s\S]*web +running[\s\S]*login#code/);
    assert.ok(existsSync(`/proc/${pid}`));
  } finally {
    process.kill(pid, "SIGTERM");
  }
});

test("npm stop ends a detached daemon, and says so when there is none", async () => {
  using machine = machineWith(standIn);
  using free = await port("free");
  await machine.run("scripts/start", args(machine, free.number, "--detach"));
  const pid = Number(machine.read("state/pid"));

  const first = await machine.run("scripts/stop", ["--state-dir", join(machine.root, "state")]);
  const second = await machine.run("scripts/stop", ["--state-dir", join(machine.root, "state")]);

  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stdout, /The daemon has stopped/);
  assert.equal(machine.read("state/ended"), "by SIGTERM");
  assert.ok(!existsSync(`/proc/${pid}/cwd`));
  assert.equal(second.code, 0);
  assert.match(second.stdout, /No daemon/);
});

test("the demo is run unless it is declined", async () => {
  using machine = machineWith(standIn);
  using free = await port("free");
  machine.file("apps/daemon/src/demo.ts", 'console.log("demo guests");\n');
  const interrupt = { signal: "SIGTERM", when: /Ctrl-C stops/ } as const;

  const wanted = await machine.run("scripts/start", args(machine, free.number), { interrupt });
  const declined = await machine.run("scripts/start", args(machine, free.number, "--no-demo"), { interrupt });

  assert.match(wanted.stdout, /demo guests/);
  assert.doesNotMatch(declined.stdout, /demo guests/);
});

test("a port that is taken is named with what to do", async () => {
  using machine = machineWith(standIn);
  using taken = await port("taken");

  const result = await machine.run("scripts/start", args(machine, taken.number));

  assert.equal(result.code, 1);
  assert.match(result.stderr, new RegExp(`^✗ Port ${taken.number} is taken by .*--port N\\.\n$`));
});

test("a daemon that ends at once is reported with its last words", async () => {
  using machine = machineWith('console.error("the store is damaged");\nprocess.exit(3);\n');
  using free = await port("free");

  const result = await machine.run("scripts/start", args(machine, free.number));

  assert.equal(result.code, 1);
  assert.match(result.stderr, /the store is damaged\n✗ The daemon ended before it was ready/);
});

test("a daemon that dies later ends the foreground too", async () => {
  using machine = machineWith(`${standIn}\nsetTimeout(() => process.exit(7), 1500);\n`);
  using free = await port("free");

  const result = await machine.run("scripts/start", args(machine, free.number));

  assert.equal(result.code, 1);
  assert.match(result.stderr, /ended by itself \(code 7\)/);
});

for (const bad of ["0", "65536", "x", ""]) {
  test(`the port "${bad}" is refused`, async () => {
    using machine = machineWith(standIn);

    const result = await machine.run("scripts/start", ["--port", bad]);

    assert.equal(result.code, 1);
    assert.match(result.stderr, /--port takes a number from 1 to 65535/);
  });
}
