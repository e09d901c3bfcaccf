import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { poll } from "@serai/kit/deadline";
import { isFault } from "@serai/kit/fault";
import {
  identifyProcess,
  isAlive,
  killProcess,
  waitForExit,
  type ProcessIdentity,
} from "./process-identity.ts";

const { signal } = new AbortController();

function identityOf(pid: number | undefined): ProcessIdentity {
  const identity = identifyProcess(pid ?? -1);
  assert.ok(identity !== undefined);
  return identity;
}

test("a running process is told from one that had its pid before", () => {
  const self = identityOf(process.pid);

  assert.equal(isAlive(self), true);
  assert.equal(isAlive({ ...self, startTicks: self.startTicks - 1 }), false);
  assert.equal(isAlive({ ...self, bootId: "00000000-0000-0000-0000-000000000000" }), false);
});

test("a name with spaces and parentheses does not confuse the reading", async () => {
  const child = spawn("bash", ["-c", 'printf "a) R 1 (b" > /proc/$$/comm; echo ready; read -r line'], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  await once(child.stdout, "data");

  const identity = identityOf(child.pid);

  const ticksPerSecond = 100;
  const uptimeTicks =
    Number(spawnSync("cut", ["-d.", "-f1", "/proc/uptime"], { encoding: "utf8" }).stdout) * ticksPerSecond;
  assert.ok(
    Math.abs(uptimeTicks - identity.startTicks) < 60 * ticksPerSecond,
    `started at ${identity.startTicks} of ${uptimeTicks}`,
  );
  child.kill("SIGKILL");
  await once(child, "close");
});

test("a signal reaches that very process, and never another one with its pid", async () => {
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  const identity = identityOf(child.pid);

  assert.equal(killProcess({ ...identity, startTicks: identity.startTicks + 1 }, "SIGKILL"), false);
  assert.equal(isAlive(identity), true);
  assert.equal(killProcess(identity, "SIGTERM"), true);

  assert.deepEqual(await once(child, "close"), [null, "SIGTERM"]);
  assert.equal(killProcess(identity, "SIGKILL"), false);
});

test("a zombie that nobody reaps is dead", async () => {
  // The shell becomes a `sleep` that never waits for the shell's first child.
  const parent = spawn("sh", ["-c", "sleep 60 & echo $!; exec sleep 60"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(parent.stdout, "data")) as [Buffer];
  const orphan = identityOf(Number(line.toString()));

  assert.equal(killProcess(orphan, "SIGKILL"), true);
  await waitForExit(orphan, 5_000, signal);

  assert.equal(existsSync(`/proc/${orphan.pid}`), true);
  assert.equal(isAlive(orphan), false);
  assert.equal(identifyProcess(orphan.pid), undefined);
  assert.equal(killProcess(orphan, "SIGKILL"), false);
  parent.kill("SIGKILL");
  await once(parent, "close");
});

test("waiting for a process that lives on ends at the deadline and on abort", async () => {
  const self = identityOf(process.pid);

  await assert.rejects(waitForExit(self, 40, signal), (error) => isFault(error, "process.still_running"));
  await assert.rejects(waitForExit(self, 60_000, AbortSignal.timeout(20)), { name: "TimeoutError" });
});

test("a killed process that is not our child is noticed within milliseconds", async () => {
  const shell = spawnSync("sh", ["-c", "setsid sleep 60 >/dev/null 2>&1 & echo $!"], { encoding: "utf8" });
  const identity = identityOf(Number(shell.stdout));
  await poll(
    { ms: 5_000, everyMs: 1, code: "process.still_running", message: "sleep did not start" },
    signal,
    () => isAlive(identity) || undefined,
  );

  killProcess(identity, "SIGKILL");
  await waitForExit(identity, 5_000, signal);

  assert.equal(isAlive(identity), false);
});
