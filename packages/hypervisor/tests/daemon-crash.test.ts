import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { DriverFixture, eventually, exists, isRunning, patience } from "./fixture.ts";

const rounds = 8;

/** Pids of all processes of this VM; the one that bubblewrap leaves outside of its jail is no QEMU. */
async function processesOf(world: DriverFixture, which: "all" | "QEMU" = "all"): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((entry) => /^[0-9]+$/.test(entry)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const text = await readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "");
      if (which === "QEMU" && /^[^\0]*bwrap\0/.test(text)) return [];
      return text.includes(`guest=${world.vm}.`) || text.includes(`\0${world.vm}.`) ? [pid] : [];
    }),
  );
  return found.flat();
}

/** Runs a daemon on the VM and kills it after so many milliseconds of work. */
async function crash(world: DriverFixture, verb: "kill" | "suspend", afterMs: number): Promise<void> {
  const program = join(import.meta.dirname, "crashing-daemon.ts");
  const daemon = spawn(
    process.execPath,
    [
      program,
      world.directory,
      JSON.stringify(world.plan()),
      JSON.stringify({ qemu: world.config.qemu, jail: world.config.jail }),
      verb,
    ],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const exited = once(daemon, "exit") as Promise<[number | null, string | null]>;
  await once(daemon.stdout, "data");
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  daemon.kill("SIGKILL");
  assert.equal((await exited)[1], "SIGKILL", "the daemon ended before it was killed");
}

for (const verb of ["kill", "suspend"] as const) {
  test(`a daemon killed anywhere between launch and ${verb} leaves a VM that the next one understands`, async (context) => {
    await using world = await DriverFixture.create();
    const seen: Record<string, number> = {};

    for (let round = 0; round < rounds; round++) {
      await crash(world, verb, 10 + round * (verb === "kill" ? 30 : 80));

      const driver = await world.reopen();
      const { state, pid, exit } = driver.sighting();
      seen[state] = (seen[state] ?? 0) + 1;
      assert.ok(["running", "paused", "absent", "suspended"].includes(state), state);
      assert.notEqual(exit?.cause, "vanished");
      if (state === "running" || state === "paused") {
        assert.deepEqual(await processesOf(world, "QEMU"), [pid], `round ${round}: ${state}`);
        await driver.kill(patience());
      }
      await eventually(`no process in round ${round}, seen as ${state}`, async () =>
        (await processesOf(world)).length === 0 ? true : undefined,
      );
      assert.equal(exists(join(world.directory, "run.json")), false);
      assert.equal(exists(join(world.directory, "qemu/qmp.sock")), false);
      if (pid !== undefined) assert.equal(await isRunning(pid), false);
      // What can be launched can be launched: nothing is half there.
      await driver.launch(world.plan(), patience());
      assert.equal(driver.sighting().state, "running");
      await driver.kill(patience());
    }
    context.diagnostic(JSON.stringify(seen));
  });
}
