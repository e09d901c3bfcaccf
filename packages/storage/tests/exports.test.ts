import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { access, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import test, { type TestContext } from "node:test";
import { isFault } from "@serai/kit/fault";
import { diskExportFormats, fileEnding } from "@serai/model/image-format";
import type { CompleteVmSpec } from "@serai/model/vm-spec";
import type { DiskAtRest } from "@serai/storage/export-disk";
import { openExports, type Export, type Exports } from "@serai/storage/exports";
import { id, MiB, plantDisk, qemuImg, world, type World } from "./images-world.ts";

const { signal } = new AbortController();
const qemuNames: Readonly<Record<string, string>> = { "vmdk-sparse": "vmdk" };
const has = (program: string): boolean => {
  try {
    execFileSync("sh", ["-c", `command -v ${program}`], { stdio: "pipe" });
    return true;
  } catch {
    return false; // not installed
  }
};

type ExportWorld = World & { exports: Exports; folder: string; raw: string; disk: DiskAtRest };

/** A linked volume over an image, as VMs have them: a part of the content in each. */
async function exportWorld(t: TestContext): Promise<ExportWorld> {
  const w = await world(t);
  const base = await plantDisk(w.spool("base"));
  const path = w.spool("volume.qcow2");
  qemuImg(
    "create",
    "-q",
    "-f",
    "qcow2",
    "-o",
    "cluster_size=128k,extended_l2=on",
    "-b",
    base,
    "-F",
    "raw",
    path,
    "28M",
  );
  execFileSync("qemu-io", ["-f", "qcow2", "-c", "write -P 7 12M 64k", "-c", "write -P 9 26M 4k", path], {
    stdio: "pipe",
  });
  const raw = w.spool("expected");
  qemuImg("convert", "-f", "qcow2", "-O", "raw", path, raw);
  const folder = join(w.root, "exports");
  const disk: DiskAtRest = {
    path,
    format: "qcow2",
    virtualSizeBytes: 28 * MiB,
    backing: { path: base, format: "raw" },
  };
  return { ...w, exports: openExports(folder), folder, raw, disk };
}

async function save({ content, sizeBytes }: Export, path: string): Promise<void> {
  await pipeline(content, createWriteStream(path));
  assert.equal((await readFile(path)).length, sizeBytes);
}

/** The folder of an export goes when its stream has closed; that is told by the folder itself. */
async function becomesEmpty(folder: string): Promise<void> {
  for (
    const end = Date.now() + 5000;
    Date.now() < end;
    await new Promise((resolve) => setImmediate(resolve))
  ) {
    if ((await readdir(folder)).length === 0) return;
  }
  assert.fail(`${folder} still has ${(await readdir(folder)).join()}`);
}

for (const format of diskExportFormats) {
  test(`a linked volume leaves as ${format} of its own with the same content, and nothing stays behind`, async (t) => {
    const w = await exportWorld(t);

    await save(await w.exports.disk(w.disk, { name: "out", format }, signal), w.spool("out"));

    const name = qemuNames[format] ?? format;
    qemuImg("compare", "-f", "raw", "-F", name, w.raw, w.spool("out"));
    assert.doesNotMatch(qemuImg("info", "-f", name, w.spool("out")), /backing file|extended l2: true/);
    await becomesEmpty(w.folder);
  });
}

for (const [format, ending] of [
  ["vmdk-sparse", "vmdk"],
  ["vhdx", "vhdx"],
  ["vpc", "vhd"],
  ["vdi", "vdi"],
] as const) {
  test(
    `7-Zip reads the exported ${format} alike`,
    { skip: has("7zz") ? false : "7zip is not installed" },
    async (t) => {
      const w = await exportWorld(t);
      await save(await w.exports.disk(w.disk, { name: "out", format }, signal), w.spool(`out.${ending}`));
      await mkdir(w.spool("unpacked"));

      // "#" asks for the disk itself, not for what lies on it.
      execFileSync("7zz", ["x", `-o${w.spool("unpacked")}`, w.spool(`out.${ending}`)], { stdio: "pipe" });

      const [only = ""] = await readdir(w.spool("unpacked"));
      execFileSync("cmp", ["-n", String(28 * MiB), w.raw, join(w.spool("unpacked"), only)]);
    },
  );
}

const canMount = await access("/dev/fuse").then(
  () => true,
  () => false,
);
for (const [format, tool] of [
  ["vmdk", "vmdkmount"],
  ["vmdk-sparse", "vmdkmount"],
  ["vhdx", "vhdimount"],
  ["vpc", "vhdimount"],
] as const) {
  const skip = canMount && has(tool) ? false : `${tool} or /dev/fuse is missing`;
  test(`${tool} reads the exported ${format} alike`, { skip }, async (t) => {
    const w = await exportWorld(t);
    const file = w.spool(`out.${fileEnding(format)}`);
    await save(await w.exports.disk(w.disk, { name: "out", format }, signal), file);
    const mount = w.spool("mount");
    await mkdir(mount);

    // In the foreground, so that it is ours to wait for.
    const reader = spawn(tool, ["-v", file, mount], { stdio: "ignore" });
    t.after(() => reader.kill("SIGKILL"));
    try {
      const only = await firstIn(mount);
      execFileSync("cmp", ["-n", String(28 * MiB), w.raw, join(mount, only)]);
    } finally {
      execFileSync("umount", [mount], { stdio: "pipe" });
      if (reader.exitCode === null && reader.signalCode === null) await once(reader, "exit");
    }
  });
}

async function firstIn(folder: string): Promise<string> {
  for (
    const end = Date.now() + 20_000;
    Date.now() < end;
    await new Promise((resolve) => setImmediate(resolve))
  ) {
    const [only] = await readdir(folder);
    if (only !== undefined) return only;
  }
  return assert.fail("nothing was mounted");
}

const spec: CompleteVmSpec = {
  name: "web",
  description: 'says "<hello>" & more',
  labels: {},
  cpus: 3,
  memoryBytes: 768 * MiB,
  firmware: "uefi",
  disks: [
    { name: "root", bus: "virtio-blk", image: id, sizeBytes: 28 * MiB, isReadOnly: false },
    { name: "data", bus: "nvme", sizeBytes: 64 * MiB, isReadOnly: false },
  ],
  nics: [
    { name: "nic0", model: "virtio", mac: "02:00:00:00:00:01", network: "user", forwards: [] },
    { name: "nic1", model: "e1000e", mac: "02:00:00:00:00:02", network: "user", forwards: [] },
  ],
  display: "vga",
  hasAgent: true,
  hasRng: true,
  hasBalloon: true,
  hasWatchdog: false,
  policy: { onShutdown: "stop", onPanic: "restart", onHang: "restart", onCrash: "restart" },
};

test("a VM that leaves as OVA comes back as the same VM with the same content", async (t) => {
  const w = await exportWorld(t);

  await save(
    await w.exports.appliance({ spec, disks: new Map([["root", w.disk]]) }, signal),
    w.spool("web.ova"),
  );
  const back = await w.library.takeSpooled(id, { path: w.spool("web.ova"), format: "ova" }, signal);

  assert.deepEqual(back.appliance?.spec, {
    name: "web",
    description: 'says "<hello>" & more',
    cpus: 3,
    memoryBytes: 768 * MiB,
    firmware: "uefi",
    disks: [
      { name: "root", bus: "virtio-blk", image: id, imageDisk: 0 },
      { name: "disk1", bus: "nvme", sizeBytes: 64 * MiB },
    ],
    nics: [
      { name: "nic0", model: "virtio" },
      { name: "nic1", model: "e1000e" },
    ],
  });
  qemuImg("compare", "-f", "raw", "-F", "qcow2", w.raw, w.library.pathOf(id, back.files.content));
  execFileSync("tar", ["tf", w.spool("web.ova")]);
  await becomesEmpty(w.folder);
});

test("a reader that goes away leaves nothing behind", async (t) => {
  const w = await exportWorld(t);

  for (const made of [
    await w.exports.disk(w.disk, { name: "out", format: "raw" }, signal),
    await w.exports.appliance({ spec, disks: new Map([["root", w.disk]]) }, signal),
  ]) {
    made.content.destroy();
  }

  await becomesEmpty(w.folder);
});

test("a volume that was made to lead to another file is not exported", async (t) => {
  const w = await exportWorld(t);
  qemuImg("create", "-q", "-f", "qcow2", "-o", `data_file=${w.spool("secret")}`, w.spool("evil"), "1M");

  await assert.rejects(
    w.exports.disk({ ...w.disk, path: w.spool("evil") }, { name: "out", format: "raw" }, signal),
    (error) => isFault(error, "image.hostile"),
  );

  assert.deepEqual(await readdir(w.folder), []);
});

test("the backing file that a volume names itself is not read, only the one it is known to have", async (t) => {
  const w = await exportWorld(t);
  await writeFile(w.spool("secret"), Buffer.alloc(28 * MiB, "s"));
  qemuImg("rebase", "-u", "-f", "qcow2", "-b", w.spool("secret"), "-F", "raw", w.disk.path);

  await save(await w.exports.disk(w.disk, { name: "out", format: "raw" }, signal), w.spool("out"));

  execFileSync("cmp", [w.raw, w.spool("out")]);
});

test("a volume that QEMU has open is not exported", async (t) => {
  const w = await exportWorld(t);
  const holder = spawn("qemu-io", ["-f", "qcow2", w.disk.path], { stdio: ["pipe", "pipe", "ignore"] });
  t.after(() => holder.kill("SIGKILL"));
  holder.stdin.write("write 0 512\n");
  await once(holder.stdout, "data");

  await assert.rejects(w.exports.disk(w.disk, { name: "out", format: "raw" }, signal), (error) =>
    isFault(error, "volume.locked"),
  );
});
