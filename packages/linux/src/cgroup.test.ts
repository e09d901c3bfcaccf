import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { isFault } from "@serai/kit/fault";
import {
  cgroupProcsFiles,
  createCgroup,
  limitCgroup,
  listCgroups,
  readCgroup,
  removeCgroup,
} from "./cgroup.ts";
import { openCgroups, readMounts, readOwnGroups, type Cgroups } from "./cgroup-layout.ts";

const { signal } = new AbortController();
const name = `serai-test-${process.pid}`;
const cgroups = openCgroups(name);
const skip = cgroups.isSupported ? false : cgroups.reason;
const folder = mkdtempSync(path.join(tmpdir(), "serai-cgroup-"));

after(() => {
  rmSync(folder, { recursive: true });
  for (const made of new Set(Object.values(usable().folders))) if (existsSync(made)) rmdirSync(made);
});

function usable(): Cgroups {
  return cgroups.isSupported ? cgroups : { isSupported: true, version: 2, folders: {} };
}

test("a process that joins before exec is in its group from its first instruction on", { skip }, async () => {
  createCgroup(usable(), "vm-1", {
    pidsMax: 64,
    cpuWeight: 200,
    cpuQuotaCores: 1.5,
    memoryMaxBytes: 512 * 2 ** 20,
  });
  const joins = cgroupProcsFiles(usable(), "vm-1")
    .map((file) => `echo $$ > ${file};`)
    .join(" ");
  const child = spawn("/bin/sh", ["-c", `${joins} exec "$@"`, "sh", "sh", "-c", "echo ready; read -r line"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  await once(child.stdout, "data");

  const reading = readCgroup(usable(), "vm-1");

  assert.deepEqual(reading?.pids, [child.pid]);
  assert.equal(reading?.oomKills ?? 0, 0);
  assert.deepEqual(listCgroups(usable()), ["vm-1"]);
  child.stdin.end();
  await removeCgroup(usable(), "vm-1", signal);
  assert.equal(readCgroup(usable(), "vm-1"), undefined);
  assert.deepEqual(listCgroups(usable()), []);
});

test(
  "a group over its memory limit is killed, and the count says so",
  { skip: skip || !usable().folders.memory },
  async () => {
    createCgroup(usable(), "vm-2", { memoryMaxBytes: 32 * 2 ** 20 });
    const joins = cgroupProcsFiles(usable(), "vm-2")
      .map((file) => `echo $$ > ${file};`)
      .join(" ");
    // The whole hundred megabytes are one line, which tail must hold in memory.
    const child = spawn("/bin/sh", ["-c", `${joins} exec tail -n 1 /dev/zero`], { stdio: "ignore" });

    assert.deepEqual(await once(child, "close"), [null, "SIGKILL"]);

    assert.ok((readCgroup(usable(), "vm-2")?.oomKills ?? 0) >= 1);
    await removeCgroup(usable(), "vm-2", signal);
  },
);

test("a busy group is not removed, and a bad limit is refused in words", { skip }, async () => {
  createCgroup(usable(), "vm-3", {});
  const [file = ""] = cgroupProcsFiles(usable(), "vm-3");
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  writeFileSync(file, String(child.pid));

  await assert.rejects(removeCgroup(usable(), "vm-3", AbortSignal.timeout(50)), { name: "TimeoutError" });
  assert.deepEqual(readCgroup(usable(), "vm-3")?.pids, [child.pid]);
  assert.throws(
    () => limitCgroup(usable(), "vm-3", { pidsMax: -7 }),
    (error) => isFault(error, "linux.refused"),
  );
  assert.throws(() => createCgroup(usable(), "../escape", {}));

  child.kill("SIGKILL");
  await once(child, "close");
  await removeCgroup(usable(), "vm-3", signal);
});

test("version 2 gets its own files and scales", () => {
  const unified: Cgroups = {
    isSupported: true,
    version: 2,
    folders: { cpu: folder, cpuacct: folder, memory: folder, pids: folder, freezer: folder },
  };
  createCgroup(unified, "vm", { memoryMaxBytes: "max", pidsMax: 64, cpuWeight: 300, cpuQuotaCores: 0.5 });
  const at = (file: string) => path.join(folder, "vm", file);
  writeFileSync(at("memory.current"), "4096\n");
  writeFileSync(at("memory.events"), "low 0\nhigh 0\nmax 9\noom 2\noom_kill 3\noom_group_kill 1\n");
  writeFileSync(at("cpu.stat"), "usage_usec 1234\nuser_usec 1000\n");
  writeFileSync(at("cgroup.procs"), "7\n8\n");

  const written = ["memory.max", "memory.oom.group", "pids.max", "cpu.weight", "cpu.max"].map((file) =>
    readFileSync(at(file), "utf8"),
  );

  assert.deepEqual(written, ["max", "1", "64", "300", "50000 100000"]);
  assert.deepEqual(readCgroup(unified, "vm"), {
    memoryBytes: 4096,
    oomKills: 3,
    cpuUsageUs: 1234,
    pids: [7, 8],
  });
});

test("mounts of both versions are found, whatever order and grouping", () => {
  const text = [
    "31 24 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct",
    "32 24 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
    "33 24 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd",
    "34 24 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
    "",
  ].join("\n");

  const { mounts, unified } = readMounts(text);

  assert.deepEqual([...mounts.keys()], ["cpu", "cpuacct", "memory"]);
  assert.equal(mounts.get("cpuacct"), "/sys/fs/cgroup/cpu,cpuacct");
  assert.equal(unified, "/sys/fs/cgroup/unified");
  assert.equal(readOwnGroups("5:cpu,cpuacct:/a:b\n0::/user.slice\n").get("cpuacct"), "/a:b");
  assert.equal(readOwnGroups("0::/user.slice\n").get(""), "/user.slice");
});
