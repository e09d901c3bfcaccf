import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { startDaemon, type TestDaemon } from "../harness/daemon.ts";
import { runCli, type CliResult } from "./run-cli.ts";

let daemon: TestDaemon;
let home: string;

before(async () => {
  daemon = await startDaemon();
  home = await mkdtemp(join(tmpdir(), "serai-cli-"));
});
after(async () => {
  await daemon[Symbol.asyncDispose]();
  await rm(home, { recursive: true });
});

const serai = (...args: string[]): Promise<CliResult> =>
  runCli(["--socket", daemon.ready.apiSocket, ...args], {
    env: { XDG_CONFIG_HOME: home, XDG_DATA_HOME: home, XDG_CACHE_HOME: home },
  });

async function json(...args: string[]): Promise<unknown> {
  const { stdout, stderr, exitCode } = await serai("--json", ...args);
  assert.equal(exitCode, 0, stderr);
  return JSON.parse(stdout);
}

test("a VM goes through its life by names and id prefixes", async () => {
  const created = await serai(
    "vm",
    "create",
    "web-1",
    "--memory",
    "64M",
    "--no-nic",
    "--label",
    "tier=front",
  );
  assert.match(created.stdout, /^Created web-1 \(vm-/, created.stderr);
  const { id } = (await json("vm", "show", "web-1")) as { id: string };

  assert.match((await serai("vm", "start", id.slice(0, 8))).stdout, /^Started web-1/);
  assert.match((await serai("vm", "pause", "web-1")).stdout, /^Paused web-1/);
  assert.match((await serai("vm", "resume", "web-1")).stdout, /^Resumed web-1/);
  assert.match((await serai("vm", "reset", "web-1")).stdout, /^Reset web-1/);
  assert.match((await serai("vm", "ls")).stdout, new RegExp(`^web-1 +${id} +running +1 +64 MiB`, "m"));
  assert.match((await serai("vm", "set", "web-1", "--description", "front")).stdout, /^Changed web-1/);
  assert.match((await serai("vm", "stop", "--force", "web-1")).stdout, /^Stopped web-1/);
  assert.match((await serai("events", "--target", id)).stdout, /vm\.paused/);
  assert.match((await serai("op", "ls")).stdout, /vm\.reset/);
  assert.match((await serai("vm", "rm", "web-1")).stdout, /^Deleted web-1/);
  assert.equal((await serai("vm", "show", "web-1")).exitCode, 3);
});

test("a screenshot is a picture", async () => {
  await serai("vm", "create", "screen", "--memory", "64M", "--no-nic", "--start");

  const file = join(home, "screen.png");
  const { stdout, stderr } = await serai("vm", "screenshot", "screen", file);

  assert.match(stdout, /^Wrote/, stderr);
  assert.equal((await readFile(file)).subarray(1, 4).toString(), "PNG");
  await serai("vm", "rm", "-f", "screen");
});

test("an ambiguous prefix lists the candidates", async () => {
  await serai("vm", "create", "one", "--no-nic");
  await serai("vm", "create", "two", "--no-nic");

  const { exitCode, stderr } = await serai("vm", "show", "vm-");

  assert.equal(exitCode, 4);
  assert.match(stderr, /one/);
  assert.match(stderr, /two/);
  await serai("vm", "rm", "one", "two");
});

test("an image is imported, used, kept while it is used, and deleted", async () => {
  const file = join(home, "Disk Image.raw");
  await writeFile(file, Buffer.alloc(2 * 1024 * 1024, 7));

  const imported = await serai("image", "import", file);
  assert.match(imported.stdout, /^Imported disk-image/, imported.stderr);
  assert.match((await serai("image", "ls")).stdout, /^disk-image +img-\S+ +disk +ready/m);
  assert.equal((await serai("vm", "create", "uses", "--image", "disk-image", "--no-nic")).exitCode, 0);
  const inUse = await serai("image", "rm", "disk-image");
  assert.equal(inUse.exitCode, 4);
  assert.match(inUse.stderr, /uses/);
  await serai("vm", "rm", "uses");
  assert.match((await serai("image", "rm", "disk-image")).stdout, /^Deleted/);
});

test("the host and its figures are shown", async () => {
  assert.match((await serai("host", "show")).stdout, /^Accelerator +(kvm|tcg): ./m);
  assert.match((await serai("top", "--once", "--interval", "1")).stdout, /VMs running/);
});

test("a token's secret works over the network with the pinned certificate, until it is revoked", async () => {
  const made = (await json("token", "create", "robot", "--role", "viewer")) as { secret: string };
  const url = daemon.ready.apiUrl as string;
  const env = { XDG_CONFIG_HOME: home, XDG_DATA_HOME: home };
  const refused = await runCli(["login", "--token-stdin", url], { env, input: made.secret });
  const fingerprint = /--fingerprint (\S+)/.exec(refused.stderr)?.[1] ?? "";
  assert.equal(refused.exitCode, 2);

  const login = await runCli(["login", "--token-stdin", "--fingerprint", fingerprint, url], {
    env,
    input: made.secret,
  });
  assert.match(login.stdout, /\(viewer\)/, login.stderr);
  assert.equal((await runCli(["vm", "ls"], { env })).exitCode, 0);
  assert.equal((await runCli(["vm", "create", "denied"], { env })).exitCode, 6);
  await serai("token", "rm", "robot");
  assert.equal((await runCli(["vm", "ls"], { env })).exitCode, 6);
  await runCli(["logout"], { env });
});

test("a one-time link logs in once", async () => {
  const env = { XDG_CONFIG_HOME: home, XDG_DATA_HOME: home };
  const { url } = (await json("login-link")) as { url: string };
  const fingerprint = /--fingerprint (\S+)/.exec((await runCli(["login", url], { env })).stderr)?.[1] ?? "";

  const first = await runCli(["login", "--fingerprint", fingerprint, url], { env });
  const second = await runCli(["login", "--fingerprint", fingerprint, url], { env });

  assert.match(first.stdout, /^Logged in/, first.stderr);
  assert.equal(second.exitCode, 6, second.stderr);
  await runCli(["logout"], { env });
});

const wrong: [string[], number, RegExp][] = [
  [["vm", "create"], 2, /missing required argument/],
  [["vm", "create", "Bad_Name"], 2, /name/i],
  [["vm", "create", "x".repeat(64)], 2, /name/i],
  [["vm", "create", "ok", "--memory", "lots"], 2, /--memory must be a size/],
  [["vm", "create", "ok", "--memory", "1M"], 2, /memory/i],
  [["vm", "create", "ok", "--memory", "900T"], 2, /memory/i],
  [["vm", "create", "ok", "--cpus", "0"], 2, /--cpus must be a whole number/],
  [["vm", "create", "ok", "--cpus", "1.5"], 2, /--cpus/],
  [["vm", "create", "ok", "--firmware", "openfirmware"], 2, /bios, uefi/],
  [["vm", "create", "ok", "--image", "no-such"], 3, /no-such/],
  [["vm", "create", "ok", "--forward", "80"], 2, /port forward/],
  [["vm", "create", "ok", "--forward", "80:80"], 2, /hostPort|port/i],
  [["vm", "create", "ok", "--label", "nokey"], 2, /key=value/],
  [["vm", "create", "ok", "--disk", "data:1M", "--disk", "data:1M"], 2, /data/],
  [["vm", "create", "ok", "--disk", "data:1M:floppy"], 2, /bus/i],
  [["vm", "show", "nobody"], 3, /nobody/],
  [["vm", "show", "../../etc/passwd"], 2, /./],
  [["vm", "start", "nobody"], 3, /nobody/],
  [["vm", "stop", "nobody", "--deadline", "never"], 2, /--deadline/],
  [["vm", "rm", "nobody"], 3, /nobody/],
  [["vm", "exec", "nobody", "true"], 255, /nobody/],
  [["vm", "console", "nobody"], 3, /nobody/],
  [["vm", "screenshot", "nobody"], 3, /nobody/],
  [["vm", "set", "nobody", "--cpus", "2"], 3, /nobody/],
  [["vm", "fly", "x"], 2, /unknown command/],
  [["vm", "ls", "--sideways"], 2, /unknown option/],
  [["image", "import", "/no/such/file"], 2, /no such file/],
  [["image", "import", "/dev"], 2, /not a file/],
  [["image", "pull", "no-such-system"], 3, /no-such-system/],
  [["image", "pull", "x", "--from", "ftp://example.org/x"], 2, /url/i],
  [["image", "rm", "nothing"], 3, /nothing/],
  [["op", "wait", "op-0"], 3, /op-0/],
  [["op", "cancel", "op-0"], 3, /op-0/],
  [["op", "ls", "--limit", "0"], 2, /--limit/],
  [["events", "--limit", "many"], 2, /--limit/],
  [["top", "--interval", "0"], 2, /--interval/],
  [["token", "create", "x", "--role", "king"], 2, /viewer, operator, admin/],
  [["token", "rm", "nothing"], 3, /nothing/],
  [["login", "not a link"], 2, /login link/],
  [["login", "https://127.0.0.1:1/login#x"], 7, /does not answer/],
  [["frobnicate"], 2, /unknown command/],
];
for (const [args, exitCode, sentence] of wrong) {
  test(`serai ${args.join(" ").slice(0, 60)}: exit ${exitCode} and a sentence`, async () => {
    const result = await serai(...args);

    assert.equal(result.exitCode, exitCode, result.stderr);
    assert.match(result.stderr, sentence);
    assert.doesNotMatch(result.stderr, /defect|at file:/);
  });
}

test("nothing came of all the wrong commands", async () => {
  assert.deepEqual(await json("vm", "ls"), []);
});

test("errors are JSON for programs", async () => {
  const { stderr } = await serai("--json", "vm", "show", "nobody");

  assert.equal((JSON.parse(stderr) as { code: string }).code, "vm.not_found");
});

test("completion offers commands and the VMs that exist", async () => {
  await serai("vm", "create", "complete-me", "--no-nic");
  const env = { SERAI_SOCKET: daemon.ready.apiSocket };

  for (const shell of ["bash", "zsh", "fish"])
    assert.match((await runCli(["complete", shell])).stdout, /serai/);
  assert.match((await runCli(["complete", "--", "vm", "sh"], { env })).stdout, /^show/m);
  assert.match((await runCli(["complete", "--", "vm", "start", ""], { env })).stdout, /^complete-me/m);
  await serai("vm", "rm", "complete-me");
});
