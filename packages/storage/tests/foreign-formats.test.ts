import assert from "node:assert/strict";
import { open, readFile, stat, truncate, writeFile } from "node:fs/promises";
import test from "node:test";
import type { ImportFormat } from "@serai/model/image-format";
import { id, MiB, plantDisk, plantForeign, qemuImg, refused, world } from "./images-world.ts";

const { signal } = new AbortController();

const kinds: readonly [ImportFormat, string][] = [
  ["vmdk", "subformat=monolithicSparse"],
  ["vmdk", "subformat=streamOptimized"],
  ["vhdx", "subformat=dynamic"],
  ["vhdx", "subformat=fixed"],
  ["vpc", "subformat=dynamic,force_size=on"],
  ["vpc", "subformat=fixed,force_size=on"],
  ["vdi", "static=off"],
  ["vdi", "static=on"],
];

for (const [format, options] of kinds) {
  test(`a ${format} (${options}) is taken in as qcow2 with the same content`, async (t) => {
    const w = await world(t);
    const raw = await plantDisk(w.spool("raw"));
    await plantForeign(w.spool("a"), format, options);

    const image = await w.library.takeSpooled(id, { path: w.spool("a"), format }, signal);

    assert.deepEqual([image.format, image.virtualSizeBytes, image.kind], ["qcow2", 24 * MiB, "disk"]);
    const path = w.library.pathOf(id, image.files.content);
    qemuImg("compare", "-f", "raw", "-F", "qcow2", raw, path);
    assert.ok(image.sizeBytes < 8 * MiB, "holes stay holes");
    assert.equal((await stat(path)).uid, process.getuid?.());
  });
}

type Plant = {
  name: string;
  format: ImportFormat;
  options?: string;
  change: (path: string) => Promise<void>;
  code: "image.hostile" | "image.unreadable";
  words?: RegExp;
};

const patch = (at: number, bytes: Uint8Array | string) => async (path: string) => {
  await using file = await open(path, "r+");
  const data = Buffer.from(bytes as string, "latin1");
  await file.write(data, 0, data.length, at);
};
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const u64 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
};
/** Changes a VHD's footer and its copy, checksum included, so that only what it says is wrong. */
const vhdFooter = (change: (footer: Buffer) => void) => async (path: string) => {
  const bytes = await readFile(path);
  for (const at of [0, bytes.length - 512]) {
    const footer = bytes.subarray(at, at + 512);
    if (footer.toString("latin1", 0, 8) !== "conectix") continue;
    change(footer);
    footer.writeUInt32BE(0, 64);
    footer.writeUInt32BE(~footer.reduce((sum, byte) => sum + byte, 0) >>> 0, 64);
  }
  await writeFile(path, bytes);
};
const cut = (bytes: number) => async (path: string) => truncate(path, (await stat(path)).size - bytes);
const text = (descriptor: string) => (path: string) =>
  writeFile(path, `# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\n${descriptor}\n`);

const plants: readonly Plant[] = [
  {
    name: "a vmdk descriptor that names /etc/passwd",
    format: "vmdk",
    change: text('createType="monolithicFlat"\nRW 8 FLAT "/etc/passwd" 0'),
    code: "image.hostile",
    words: /other files/,
  },
  {
    name: "a vmdk descriptor that climbs with ../",
    format: "vmdk",
    change: text('createType="monolithicFlat"\nRW 8 FLAT "../../../etc/hostname" 0'),
    code: "image.hostile",
  },
  {
    name: "a vmdk descriptor that names a neighbour",
    format: "vmdk",
    change: text('createType="monolithicFlat"\nRW 8 FLAT "a-flat.vmdk" 0'),
    code: "image.hostile",
  },
  {
    name: "a vmdk descriptor that speaks to a network",
    format: "vmdk",
    change: text('RW 8 FLAT "nbd:127.0.0.1:1" 0'),
    code: "image.hostile",
  },
  {
    name: "a vmdk descriptor with a raw device",
    format: "vmdk",
    change: text('createType="fullDevice"\nRW 8 FLAT "/dev/vda" 0'),
    code: "image.hostile",
  },
  {
    name: "a vmdk descriptor with a misspelt extent",
    format: "vmdk",
    change: text('RW  8\tFLAT "/etc/passwd" 0'),
    code: "image.hostile",
  },
  {
    name: "a vmdk whose descriptor inside has a parent",
    format: "vmdk",
    options: "subformat=monolithicSparse",
    change: patch(512 + 600, 'parentFileNameHint="/etc/passwd"\n'),
    code: "image.hostile",
    words: /difference/,
  },
  {
    name: "a vmdk that leads to its descriptor inside",
    format: "vmdk",
    options: "subformat=monolithicSparse",
    change: patch(12, u64(0n)),
    code: "image.hostile",
  },
  {
    name: "a vmdk of 500 TiB",
    format: "vmdk",
    options: "subformat=monolithicSparse",
    change: patch(12, u64(500n * 2n ** 31n)),
    code: "image.hostile",
    words: /claims/,
  },
  {
    name: "a vmdk with grains of a byte",
    format: "vmdk",
    options: "subformat=monolithicSparse",
    change: patch(20, u64(0n)),
    code: "image.hostile",
  },
  {
    name: "a truncated sparse vmdk",
    format: "vmdk",
    options: "subformat=monolithicSparse",
    change: cut(65_536),
    code: "image.unreadable",
  },
  {
    name: "a truncated stream vmdk",
    format: "vmdk",
    options: "subformat=streamOptimized",
    change: cut(65_536),
    code: "image.unreadable",
    words: /truncated/,
  },
  {
    name: "a vmdk sent as text",
    format: "vmdk",
    options: "subformat=monolithicSparse",
    change: patch(73, "\n \n\n"),
    code: "image.unreadable",
  },
  {
    name: "a VHD that is a difference",
    format: "vpc",
    options: "subformat=dynamic",
    change: vhdFooter((footer) => footer.writeUInt32BE(4, 60)),
    code: "image.hostile",
    words: /difference/,
  },
  {
    name: "a VHD of 500 TiB",
    format: "vpc",
    options: "subformat=dynamic",
    change: vhdFooter((footer) => footer.writeBigUInt64BE(500n * 2n ** 40n, 48)),
    code: "image.hostile",
  },
  {
    name: "a VHD that is larger than its table",
    format: "vpc",
    options: "subformat=dynamic",
    change: vhdFooter((footer) => footer.writeBigUInt64BE(2n ** 40n, 48)),
    code: "image.hostile",
  },
  {
    name: "a VHD whose footer was damaged",
    format: "vpc",
    options: "subformat=dynamic",
    change: patch(40, "x"),
    code: "image.unreadable",
  },
  {
    name: "a truncated VHD",
    format: "vpc",
    options: "subformat=dynamic",
    change: cut(1024 * 1024),
    code: "image.unreadable",
    words: /truncated/,
  },
  {
    name: "a truncated fixed VHD",
    format: "vpc",
    options: "subformat=fixed",
    change: cut(512),
    code: "image.unreadable",
  },
  {
    name: "a VHDX that is a difference",
    format: "vhdx",
    options: "subformat=dynamic",
    change: patch(3 * MiB + 64 * 1024 + 4, u32(2)),
    code: "image.hostile",
    words: /difference/,
  },
  {
    name: "a VHDX with a parent locator",
    format: "vhdx",
    options: "subformat=dynamic",
    change: patch(3 * MiB + 32 + 4 * 32, Buffer.from("2d5fd3a80bb34d45abf7d3d84834ab0c", "hex")),
    code: "image.hostile",
    words: /difference/,
  },
  {
    name: "a VHDX of 500 TiB",
    format: "vhdx",
    options: "subformat=dynamic",
    change: patch(3 * MiB + 64 * 1024 + 8, u64(500n * 2n ** 40n)),
    code: "image.hostile",
    words: /claims/,
  },
  {
    name: "a VHDX larger than its table",
    format: "vhdx",
    options: "subformat=dynamic",
    change: patch(3 * MiB + 64 * 1024 + 8, u64(60n * 2n ** 40n)),
    code: "image.hostile",
    words: /table/,
  },
  {
    name: "a VHDX whose region table was damaged",
    format: "vhdx",
    options: "subformat=dynamic",
    change: patch(192 * 1024 + 40, "xxxx"),
    code: "image.unreadable",
  },
  {
    name: "a truncated VHDX",
    format: "vhdx",
    options: "subformat=dynamic",
    change: cut(8 * MiB),
    code: "image.unreadable",
    words: /truncated/,
  },
  {
    name: "a VDI that is a difference",
    format: "vdi",
    change: patch(76, u32(4)),
    code: "image.hostile",
    words: /difference/,
  },
  { name: "a VDI that is an undo disk", format: "vdi", change: patch(76, u32(3)), code: "image.hostile" },
  { name: "a VDI that names a parent", format: "vdi", change: patch(440, u32(7)), code: "image.hostile" },
  {
    name: "a VDI of 500 TiB",
    format: "vdi",
    change: patch(368, u64(500n * 2n ** 40n)),
    code: "image.hostile",
    words: /claims/,
  },
  {
    name: "a VDI whose tables lie",
    format: "vdi",
    change: patch(384, u32(0x7fffffff)),
    code: "image.hostile",
  },
  { name: "a truncated VDI", format: "vdi", change: cut(MiB), code: "image.unreadable", words: /truncated/ },
];

for (const { name, format, options, change, code, words } of plants) {
  test(`${name} is refused`, async (t) => {
    const w = await world(t);
    await plantForeign(w.spool("a"), format, options);
    await change(w.spool("a"));

    await refused(w, { path: w.spool("a"), format }, code, words);
  });
}

for (const [declared, real] of [
  ["vdi", "vhdx"],
  ["vhdx", "vmdk"],
  ["vmdk", "qcow2"],
  ["vpc", "vdi"],
] as const) {
  test(`a ${real} declared as ${declared} is refused`, async (t) => {
    const w = await world(t);
    qemuImg("create", "-q", "-f", real, w.spool("a"), "4M");

    await refused(w, { path: w.spool("a"), format: declared }, "image.unreadable", /declared as/);
  });
}

test("a bomb, a few bytes that unfold to a whole disk, is refused before it fills the pool", async (t) => {
  const w = await world(t);
  const raw = await plantDisk(w.spool("raw"), 1024 * MiB);
  qemuImg("convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=monolithicSparse", raw, w.spool("a"));
  const bytes = await readFile(w.spool("a"));
  for (const field of [48, 56]) pointAllAtOne(bytes, Number(bytes.readBigUInt64LE(field)) * 512);
  await writeFile(w.spool("a"), bytes);

  await refused(w, { path: w.spool("a"), format: "vmdk" }, "image.hostile", /far more/);
});

/** Every entry of every grain table leads to the first grain. */
function pointAllAtOne(bytes: Buffer, directoryAt: number): void {
  const first = bytes.readUInt32LE(bytes.readUInt32LE(directoryAt) * 512);
  for (let table = 0; table < 32; table++) {
    const at = bytes.readUInt32LE(directoryAt + table * 4) * 512;
    for (let entry = 0; entry < 512; entry++) bytes.writeUInt32LE(first, at + entry * 4);
  }
}
