import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import type { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { connect } from "node:tls";
import { createClient, waitForOperation, type Client } from "@serai/api-contract/client";
import { nodeTransport } from "@serai/api-contract/node-transport";
import { poll } from "@serai/kit/deadline";

const main = join(import.meta.dirname, "../src/main.ts");
const signal = AbortSignal.timeout(120_000);
const isRoot = process.geteuid?.() === 0;

type Daemon = { process: ChildProcess; pid: number; apiUrl?: string; apiSocket: string };
type Ended = { code: number | null; stderr: string };

function launch(args: string[]): { process: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [main, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, SERAI_LOG: "error" },
  });
  let stderr = "";
  child.stderr?.on("data", (text: Buffer) => (stderr += text.toString()));
  return {
    process: child,
    ended: once(child, "exit").then(([code]) => ({ code: code as number | null, stderr })),
  };
}

async function start(stateDir: string, args: string[] = ["--port", "0"]): Promise<Daemon> {
  const { process: child, ended } = launch(["--state-dir", stateDir, ...args]);
  const line = once(createInterface(child.stdout ?? assert.fail()), "line") as Promise<[string]>;
  const first = await Promise.race([line, ended]);
  assert.ok(Array.isArray(first), `the daemon ended: ${JSON.stringify(first)}`);
  return { process: child, ...(JSON.parse(first[0]) as Omit<Daemon, "process">) };
}

async function stop({ process: child }: Daemon, how: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
  const ended = once(child, "exit");
  child.kill(how);
  const [code] = (await ended) as [number | null];
  return code;
}

async function withStateDir(body: (stateDir: string) => Promise<void>): Promise<void> {
  const stateDir = await mkdtemp(join(tmpdir(), "serai-daemon-"));
  try {
    await body(stateDir);
  } finally {
    await rm(stateDir, { recursive: true, force: true });
  }
}

async function withClient<T>({ apiSocket }: Daemon, body: (client: Client) => Promise<T>): Promise<T> {
  const transport = nodeTransport({ socketPath: apiSocket });
  try {
    return await body(createClient(transport));
  } finally {
    transport.close();
  }
}

async function createVm(daemon: Daemon, name: string): Promise<void> {
  await withClient(daemon, async (client) => {
    const operation = await client.call("createVm", { body: { name } }, signal);
    const end = await waitForOperation(client, operation.id, {}, signal);
    assert.equal(end.phase, "succeeded", JSON.stringify(end));
  });
}

const vmNames = (daemon: Daemon) =>
  withClient(daemon, async (client) =>
    (await client.call("listVms", {}, signal)).items.map(({ name }) => name),
  );

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  return text.trim().split(" ").filter(Boolean).map(Number);
}

async function controlOf(daemon: Daemon): Promise<number> {
  for (const pid of await childrenOf(daemon.pid)) {
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (command.includes("control-main.ts")) return pid;
  }
  return assert.fail("there is no control process");
}

/** What only waits to be reaped has ended. */
const isAlive = async (pid: number) =>
  /^State:\s+[^ZX]/m.test(await readFile(`/proc/${pid}/status`, "utf8").catch(() => ""));

test("state survives a stop, a kill -9 of the daemon and one of control", async () => {
  await withStateDir(async (stateDir) => {
    let daemon = await start(stateDir);
    await createVm(daemon, "one");
    assert.equal(await stop(daemon), 0);
    assert.deepEqual(await readdir(join(stateDir, "run")), [], "its sockets are gone");

    daemon = await start(stateDir);
    await createVm(daemon, "two");
    const orphan = await controlOf(daemon);
    await stop(daemon, "SIGKILL");
    daemon = await start(stateDir);
    assert.deepEqual(await vmNames(daemon), ["one", "two"]);
    assert.equal(await isAlive(orphan), false, "control ends with its parent");

    const victim = await controlOf(daemon);
    process.kill(victim, "SIGKILL");
    const names = await poll(
      { ms: 20_000, everyMs: 100, code: "request.timeout", message: "Control did not come back." },
      signal,
      async () => ((await isAlive(victim)) ? undefined : vmNames(daemon).catch(() => undefined)),
    );
    assert.deepEqual(names, ["one", "two"]);
    assert.equal(await stop(daemon, "SIGINT"), 0);
  });
});

test("a second daemon on the same state is refused with a sentence, and the first goes on", async () => {
  await withStateDir(async (stateDir) => {
    const daemon = await start(stateDir);

    const { code, stderr } = await launch(["--state-dir", stateDir, "--port", "0"]).ended;

    assert.equal(code, 3);
    assert.match(stderr, new RegExp(`process ${daemon.pid}.*already uses.*stop it first`));
    assert.deepEqual(await vmNames(daemon), []);
    await stop(daemon);
  });
});

test("a port that is taken is named, and nothing is left running", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await withStateDir(async (stateDir) => {
    const { code, stderr } = await launch(["--state-dir", stateDir, "--port", String(port)]).ended;

    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`${port} is taken`));
    assert.doesNotMatch(stderr, /\n\s+at /, "no stack trace");
  });
  server.close();
});

test("a state directory that cannot be is refused with a sentence", async () => {
  await withStateDir(async (stateDir) => {
    const file = join(stateDir, "file");
    await writeFile(file, "");
    await chmod(stateDir, 0o755);

    const inTheWay = await launch(["--state-dir", join(file, "state")]).ended;
    const tooLong = await launch(["--state-dir", join(stateDir, "x".repeat(100))]).ended;
    const unknown = await launch(["--nonsense"]).ended;

    assert.match(inTheWay.stderr, /a file is in its way/);
    assert.match(tooLong.stderr, /too long/);
    assert.match(unknown.stderr, /Unknown option '--nonsense'/);
    assert.deepEqual([inTheWay.code, tooLong.code, unknown.code], [1, 1, 2]);
  });
});

test("the hosted form is one process without a network listener", async () => {
  await withStateDir(async (stateDir) => {
    const daemon = await start(stateDir, ["--hosted"]);
    await createVm(daemon, "one");

    assert.equal(daemon.apiUrl, undefined);
    assert.deepEqual(await vmNames(daemon), ["one"]);
    for (const pid of await childrenOf(daemon.pid)) {
      assert.doesNotMatch(await readFile(`/proc/${pid}/cmdline`, "utf8"), /control-main/);
    }
    assert.equal(await stop(daemon), 0);
  });
});

test("the certificate names this machine, is kept, and its key is private", async () => {
  await withStateDir(async (stateDir) => {
    const first = await start(stateDir);
    const certificate = await presented(first);
    await stop(first);
    const second = await start(stateDir);
    const again = await presented(second);
    await stop(second);

    for (const name of ["localhost"]) assert.ok(certificate.checkHost(name), name);
    for (const address of ["127.0.0.1", "::1"]) assert.ok(certificate.checkIP(address), address);
    assert.equal(again.fingerprint256, certificate.fingerprint256);
    assert.equal((await stat(join(stateDir, "control/tls/key.pem"))).mode & 0o777, 0o600);
  });
});

async function presented({ apiUrl }: Daemon): Promise<X509Certificate> {
  const socket = connect({
    port: Number(new URL(apiUrl ?? assert.fail()).port),
    host: "127.0.0.1",
    rejectUnauthorized: false,
  });
  await once(socket, "secureConnect");
  const certificate = socket.getPeerX509Certificate();
  socket.destroy();
  return certificate ?? assert.fail("no certificate");
}

test(
  "control has no rights: another user, no groups, no capabilities, none to be had",
  { skip: !isRoot },
  async () => {
    await withStateDir(async (stateDir) => {
      const daemon = await start(stateDir);

      const status = await readFile(`/proc/${await controlOf(daemon)}/status`, "utf8");
      const environment = await readFile(`/proc/${await controlOf(daemon)}/environ`, "utf8");
      await stop(daemon);

      const field = (name: string) => new RegExp(`^${name}:[ \\t]*(.*)$`, "m").exec(status)?.[1]?.trim();
      assert.doesNotMatch(field("Uid") ?? "0", /\b0\b/);
      assert.equal(field("Groups"), "");
      for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
        assert.equal(field(set), "0".repeat(16), set);
      assert.equal(field("NoNewPrivs"), "1");
      const names = environment
        .split("\0")
        .filter(Boolean)
        .map((entry) => entry.split("=")[0]);
      assert.deepEqual(
        names.filter((name) => !/^(PATH|SERAI_LOG|MALLOC_ARENA_MAX|NODE_.*)$/.test(name ?? "")),
        [],
      );
    });
  },
);
