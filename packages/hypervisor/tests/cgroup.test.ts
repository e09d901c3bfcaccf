import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { cgroupProcsFiles, createCgroup, limitCgroup, readCgroup, removeCgroup } from "@serai/linux/cgroup";
import { openCgroups } from "@serai/linux/cgroup-layout";
import { openQmpSession } from "@serai/qmp/session";
import type { VmDriverConfig } from "../src/vm-driver.ts";
import { DriverFixture, patience } from "./fixture.ts";

const MiB = 1024 * 1024;
/** Makes QEMU use this much more, by the monitor for diagnosis. */
async function takeMemory(world: DriverFixture, size: number): Promise<void> {
  await using session = await openQmpSession(
    { socketPath: join(world.directory, "qemu/qmp2.sock") },
    patience(),
  );
  const backend = { "qom-type": "memory-backend-ram", id: "more", size, prealloc: true } as const;
  await session.execute("object-add", backend, {}, patience()).catch(() => {}); // it dies of this
}

const cgroups = openCgroups("serai-test");

test(
  "QEMU is in its VM's group from its first instruction, and its end for want of memory is told",
  { skip: !cgroups.isSupported && cgroups.reason },
  async () => {
    assert.ok(cgroups.isSupported);
    const name = `hv-${process.pid}`;
    createCgroup(cgroups, name, { pidsMax: 256 });
    const cgroup: VmDriverConfig["cgroup"] = {
      procsFiles: () => cgroupProcsFiles(cgroups, name),
      oomKills: () => readCgroup(cgroups, name)?.oomKills,
    };
    try {
      await using world = await DriverFixture.create({ cgroup });
      const driver = await world.open();
      await driver.launch(world.plan(), patience());
      const { pid } = driver.sighting();
      const groups = (await readFile(`/proc/${pid}/cgroup`, "utf8")).split("\n");
      const joined = groups.filter((line) => line.endsWith(`/${name}`)).length;
      assert.equal(joined, cgroupProcsFiles(cgroups, name).length);

      const used = readCgroup(cgroups, name)?.memoryBytes ?? 0;
      limitCgroup(cgroups, name, { memoryMaxBytes: used + 16 * MiB });
      await takeMemory(world, 64 * MiB);
      const ended = await world.until("the end", ({ state }) => state === "absent");
      assert.equal(ended.exit?.cause, "host_oom");
    } finally {
      await removeCgroup(cgroups, name, patience());
    }
  },
);
