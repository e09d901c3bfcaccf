import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { launcherArgv } from "./launcher-argv.ts";

test("the command is run as it is, after the process has joined its groups, without core dumps", () => {
  const folder = mkdtempSync(join(tmpdir(), "serai-launch-"));
  try {
    const files = [join(folder, "a b"), join(folder, "$(touch evil)")];
    const [program = "", ...rest] = launcherArgv({
      command: ["/bin/sh", "-c", 'ulimit -c; umask; echo "$1"', "x", "a  b;'$x"],
      cgroupProcsFiles: files,
    });

    const said = execFileSync(program, rest, { encoding: "utf8", cwd: folder });

    assert.equal(said, "0\n0077\na  b;'$x\n");
    assert.deepEqual(
      files.map((file) => readFileSync(file, "utf8")),
      ["0\n", "0\n"],
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a group that cannot be joined stops the launch", () => {
  const [program = "", ...rest] = launcherArgv({
    command: ["/bin/echo", "ran"],
    cgroupProcsFiles: ["/no/such/group"],
  });

  assert.throws(
    () => execFileSync(program, rest, { stdio: "pipe" }),
    (error: { status?: number; stdout?: Buffer }) => error.status !== 0 && error.stdout?.length === 0,
  );
});

test("a user of its own means no groups, no new rights and no capabilities", () => {
  const argv = launcherArgv({ command: ["qemu", "-S"], cgroupProcsFiles: [], user: { uid: 7, gid: 8 } });

  assert.deepEqual(argv.slice(argv.indexOf("prlimit")), [
    ...["prlimit", "--nproc=1024", "--"],
    ...[
      "setpriv",
      "--reuid",
      "7",
      "--regid",
      "8",
      "--clear-groups",
      "--no-new-privs",
      "--inh-caps=-all",
      "--bounding-set=-all",
      "--",
    ],
    ...["qemu", "-S"],
  ]);
});

test("the group of a device that QEMU needs is the only one it keeps", () => {
  const argv = launcherArgv({
    command: ["qemu"],
    cgroupProcsFiles: [],
    user: { uid: 7, gid: 8, groups: [104] },
  });

  assert.deepEqual(argv.slice(argv.indexOf("--regid")), [
    ...[
      "--regid",
      "8",
      "--groups",
      "104",
      "--no-new-privs",
      "--inh-caps=-all",
      "--bounding-set=-all",
      "--",
      "qemu",
    ],
  ]);
});

test("a process whose ticket was taken away before it ran does not start", () => {
  const run = (ticket: string) => {
    const [program = "", ...rest] = launcherArgv({
      command: ["/bin/echo", "ran"],
      ticket,
      cgroupProcsFiles: [],
    });
    return execFileSync(program, rest, { stdio: "pipe", encoding: "utf8" });
  };

  assert.equal(run(import.meta.filename), "ran\n");
  assert.throws(
    () => run("/no/such/ticket"),
    (error: { status?: number; stdout?: string }) => error.status === 124 && error.stdout === "",
  );
});
