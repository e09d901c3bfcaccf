import { chmod, copyFile, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { findJail } from "@serai/hypervisor/jail/jail";
import { cgroupProcsFiles, createCgroup, removeCgroup } from "@serai/linux/cgroup";
import { openCgroups } from "@serai/linux/cgroup-layout";
import { ensureGuestImage } from "../guest/images.ts";
import type { VmDriverConfig } from "../packages/hypervisor/src/vm-driver.ts";
import { DriverFixture, patience } from "../packages/hypervisor/tests/fixture.ts";
import { median, progress, report, round } from "./harness/figures.ts";

const rounds = Number(process.env["ROUNDS"] ?? 9);
const MiB = 1024 * 1024;

const tiny = await ensureGuestImage("tiny", { signal: new AbortController().signal, onProgress: progress });
const { kernel, initrd } = tiny.files;
if (kernel === undefined || initrd === undefined) throw new Error("the image tiny is not whole");
const folder = await mkdtemp("/var/tmp/serai-bench-"); // a VM's own user may not walk to the builder's cache
await chmod(folder, 0o711);
const boot = {
  path: join(folder, "kernel"),
  initrdPath: join(folder, "initrd"),
  cmdline: tiny.cmdline ?? "",
};
await copyFile(kernel.path, boot.path);
await copyFile(initrd.path, boot.initrdPath);
const { jail, note } = await findJail(patience());
if (jail === undefined) throw new Error(`there is no jail to measure: ${note}`);

const isRoot = process.getuid?.() === 0;
const found = openCgroups("serai-bench");
/** Those that limit, as the host agent has them. */
const limiting = found.isSupported
  ? { memory: found.folders.memory ?? "", pids: found.folders.pids ?? "" }
  : {};
const cgroups = found.isSupported ? { ...found, folders: limiting } : found;
const name = `jail-${process.pid}`;
/** All that a host has: namespaces, and as root a user and resource groups for each VM. */
const full: Partial<VmDriverConfig> = {
  jail,
  ...(isRoot && { uid: 1_999_999_004, gid: 1_999_999_004 }),
  ...(cgroups.isSupported && {
    cgroup: {
      prepare: () => createCgroup(cgroups, name, { pidsMax: 512, memoryMaxBytes: 2048 * MiB }),
      procsFiles: () => cgroupProcsFiles(cgroups, name),
      oomKills: () => undefined,
    },
  }),
};
const none = { jail: undefined } as unknown as Partial<VmDriverConfig>;

/** Milliseconds that one start call takes; the VM is ended afterwards. */
async function startMs(overrides: Partial<VmDriverConfig>): Promise<number> {
  await using world = await DriverFixture.create(overrides);
  const driver = await world.open();
  const plan = world.plan({ memoryBytes: 256 * MiB }, { kernel: boot });
  const before = performance.now();
  await driver.launch(plan, patience());
  const took = performance.now() - before;
  await driver.kill(patience());
  return took;
}

const jailed: number[] = [];
const free: number[] = [];
await startMs(full); // what is loaded at the first start is not part of any later one
for (let round = 0; round < rounds; round++) {
  jailed.push(await startMs(full));
  free.push(await startMs(none));
  progress(
    `round ${round + 1}/${rounds}: ${jailed.at(-1)?.toFixed(0)} ms jailed, ${free.at(-1)?.toFixed(0)} ms without`,
  );
}
if (cgroups.isSupported) await removeCgroup(cgroups, name, patience());
await rm(folder, { recursive: true });
report("jail", {
  start_ratio: round(median(jailed) / median(free)),
  jailed_ms: round(median(jailed), 1),
  free_ms: round(median(free), 1),
});
