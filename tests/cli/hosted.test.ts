import assert from "node:assert/strict";
import { chown, cp, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import test, { after, before } from "node:test";
import { ensureGuestImage } from "../../guest/images.ts";
import { isLive, qemuPidsOf, until } from "../harness/daemon.ts";
import { runCli } from "./run-cli.ts";

const { signal } = new AbortController();
const isRoot = process.getuid?.() === 0;
/** As root the test takes on a user without any rights; else it is one already. */
const uid = isRoot ? 65_534 : undefined;
let home: string;

before(async () => {
  const image = await ensureGuestImage("tiny", { signal });
  home = await mkdtemp(join(tmpdir(), "serai-home-"));
  const cache = join(home, ".cache/serai/guest");
  await mkdir(cache, { recursive: true });
  await cp(image.dir, join(cache, basename(image.dir)), { recursive: true });
  if (uid !== undefined)
    for (const path of [home, join(home, ".cache"), join(home, ".cache/serai")]) await chown(path, uid, uid);
});
after(async () => {
  const state = join(home, ".local/share/serai");
  const daemon = Number(await readFile(join(state, "lock"), "utf8").catch(() => "0"));
  if (daemon > 0 && isLive(daemon)) process.kill(daemon, "SIGTERM");
  for (const pid of await qemuPidsOf(state)) process.kill(pid, "SIGKILL");
  await until("the daemon's end", 20_000, () => (daemon > 0 && isLive(daemon) ? undefined : true));
  await rm(home, { recursive: true });
});

const serai = (args: string[], input = "") =>
  runCli(args, { env: { HOME: home }, input, ...(uid !== undefined && { uid }) });

test("serai run works without root, daemon or set-up of one's own, and joins the guest's terminal", async () => {
  const { stdout, stderr, exitCode } = await serai([
    "run",
    "tiny",
    "--name",
    "mine",
    "--no-nic",
    "--memory",
    "256M",
    "-d",
  ]);
  assert.equal(exitCode, 0, stderr);
  assert.match(stdout, /^mine runs/);

  await until("the agent", 120_000, async () =>
    (await serai(["vm", "ls"])).stdout.includes("answering") ? true : undefined,
  );
  const said = await serai(["vm", "exec", "mine", "--", "/bin/sh", "-c", "echo out; echo err >&2; exit 7"]);
  assert.deepEqual([said.stdout, said.stderr, said.exitCode], ["out\n", "err\n", 7]);
  const terminal = await serai(["vm", "console", "mine"], "echo $((6*7))-here\n");
  assert.match(terminal.stdout, /42-here/);
});

test("the guest outlives the command, belongs to the user, and goes when it is deleted", async () => {
  const state = join(home, ".local/share/serai");
  const [pid] = await qemuPidsOf(state);
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  assert.equal(/^Uid:\s+(\d+)/m.exec(status)?.[1], String(uid ?? process.getuid?.()));

  const removed = await serai(["vm", "rm", "-f", "mine"]);

  assert.equal(removed.exitCode, 0, removed.stderr);
  assert.deepEqual(await qemuPidsOf(state), []);
});
