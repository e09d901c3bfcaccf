import assert from "node:assert/strict";
import { realpathSync, statSync } from "node:fs";
import { open, readdir, readFile, readlink, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { DriverFixture, patience } from "./fixture.ts";

/** A QEMU below somebody's home is not one that a VM's own user can run. */
function isForEverybody(file: string): boolean {
  for (let folder = dirname(realpathSync(file)); folder !== "/"; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false;
  }
  return true;
}

const isRoot = process.getuid?.() === 0;
const whyNot = (): string | false => {
  if (!isRoot) return "needs root";
  const qemu = process.env["SERAI_QEMU"];
  return qemu !== undefined && !isForEverybody(qemu) && "other users cannot reach this QEMU";
};
const vmUser = 1_999_999_999;

test(
  "as root, QEMU runs as the VM's own user without any rights, and the daemon's records are not its own",
  { skip: whyNot() },
  async () => {
    await using world = await DriverFixture.create({ uid: vmUser, gid: vmUser });
    const driver = await world.open();

    await driver.launch(world.plan({ display: "vga" }), patience());

    const status = await readFile(`/proc/${driver.sighting().pid}/status`, "utf8");
    assert.match(status, new RegExp(`^Uid:\\t${vmUser}\\t${vmUser}\\t${vmUser}\\t${vmUser}$`, "m"));
    assert.match(status, new RegExp(`^Gid:\\t${vmUser}\\t${vmUser}\\t${vmUser}\\t${vmUser}$`, "m"));
    assert.match(status, /^Groups:\s*$/m);
    assert.match(status, /^CapEff:\t0+$/m);
    assert.match(status, /^CapBnd:\t0+$/m);
    assert.match(status, /^NoNewPrivs:\t1$/m);
    assert.match(status, /^Seccomp:\t2$/m);
    const limits = await readFile(`/proc/${driver.sighting().pid}/limits`, "utf8");
    assert.match(limits, /^Max core file size\s+0\s+0/m);
    assert.equal((await stat(join(world.directory, "run.json"))).uid, 0);
    assert.equal((await stat(join(world.directory, "qemu/serial.log"))).uid, vmUser);
    assert.equal((await stat(join(world.directory, "qemu"))).mode & 0o777, 0o700);

    assert.equal(
      Buffer.from(await driver.screenshot(patience()))
        .subarray(1, 4)
        .toString(),
      "PNG",
    );
    await driver.suspend(patience());
    await driver.launch(world.plan(), patience());
    assert.equal(driver.sighting().state, "running");
  },
);

test("QEMU gets neither our environment nor our files", async () => {
  process.env["SERAI_TEST_SECRET"] = "hunter2";
  await using world = await DriverFixture.create();
  await using _ours = await open(import.meta.filename);
  const driver = await world.open();

  await driver.launch(world.plan(), patience());

  const environment = await readFile(`/proc/${driver.sighting().pid}/environ`, "latin1");
  assert.deepEqual(
    environment
      .split("\0")
      .map((entry) => entry.split("=")[0])
      .filter((name) => !["", "PATH", "PWD"].includes(name ?? "") && !name?.startsWith("QEMU_")),
    [],
  );
  const files = await Promise.all(
    (await readdir(`/proc/${driver.sighting().pid}/fd`)).map((fd) =>
      readlink(`/proc/${driver.sighting().pid}/fd/${fd}`),
    ),
  );
  const own = files.filter((file) => file.startsWith("/") && !file.startsWith(world.directory));
  assert.deepEqual(
    own.filter((file) => !["/dev/null", "/dev/urandom", "/dev/random"].includes(file)),
    [],
  );
  const fields =
    (await readFile(`/proc/${driver.sighting().pid}/stat`, "latin1")).split(") ")[1]?.split(" ") ?? [];
  const ours = (await readFile("/proc/self/stat", "latin1")).split(") ")[1]?.split(" ") ?? [];
  assert.notEqual(fields[3], ours[3], "it is in a session of its own");
  assert.equal(fields[4], "0", "which has no terminal");
});
