import assert from "node:assert/strict";
import { readdir, readFile, truncate, stat, writeFile } from "node:fs/promises";
import test, { type TestContext } from "node:test";
import { id, MiB, plantDisk, plantForeign, qemuImg, refused, world, type World } from "./images-world.ts";
import { manifest, ovf, tar, type Entry } from "./ova-files.ts";

const { signal } = new AbortController();

async function diskOf(t: TestContext): Promise<{ w: World; raw: string; disk: Entry }> {
  const w = await world(t);
  const raw = await plantDisk(w.spool("raw"));
  const vmdk = await plantForeign(w.spool("vmdk"), "vmdk", "subformat=streamOptimized");
  return { w, raw, disk: { name: "disk1.vmdk", content: await readFile(vmdk) } };
}

for (const algorithm of ["SHA1", "SHA256", "SHA512"]) {
  test(`an OVA with a ${algorithm} manifest becomes an image with its disk and its VM`, async (t) => {
    const { w, raw, disk } = await diskOf(t);
    const path = await tar(w.spool("a"), [ovf(), manifest([ovf(), disk], algorithm), disk]);

    const image = await w.library.takeSpooled(id, { path, format: "ova" }, signal);

    assert.equal(image.appliance?.spec.cpus, 2);
    assert.deepEqual(image.appliance?.disks, [{ name: "disk1.vmdk", virtualSizeBytes: 24 * MiB }]);
    assert.ok(!image.appliance?.warnings.some((warning) => /manifest/.test(warning)));
    qemuImg("compare", "-f", "raw", "-F", "qcow2", raw, w.library.pathOf(id, image.files.content));
    assert.deepEqual((await readdir(`${w.directory}/${id}`)).toSorted(), ["content.qcow2", "image.json"]);
  });
}

test("an OVA of several disks keeps each in its place", async (t) => {
  const { w, raw, disk } = await diskOf(t);
  const second = await plantDisk(w.spool("second"), 12 * MiB);
  qemuImg("convert", "-f", "raw", "-O", "vhdx", second, w.spool("vhdx"));
  const description = ovf({
    files: '<File ovf:href="data disk.vhdx" ovf:id="file2"/>',
    disks: '<Disk ovf:capacity="12582912" ovf:diskId="d2" ovf:fileRef="file2"/>',
    items:
      "<Item><rasd:AddressOnParent>1</rasd:AddressOnParent><rasd:HostResource>/disk/d2</rasd:HostResource><rasd:InstanceID>11</rasd:InstanceID><rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>",
  });
  const path = await tar(w.spool("a"), [
    description,
    disk,
    { name: "data disk.vhdx", content: await readFile(w.spool("vhdx")) },
  ]);

  const image = await w.library.takeSpooled(id, { path, format: "ova" }, signal);

  assert.deepEqual(
    image.files.disks?.map(({ file }) => file),
    ["content.qcow2", "disk1.qcow2"],
  );
  qemuImg("compare", "-f", "raw", "-F", "qcow2", raw, w.library.pathOf(id, "content.qcow2"));
  qemuImg("compare", "-f", "raw", "-F", "qcow2", second, w.library.pathOf(id, "disk1.qcow2"));
  assert.match(image.appliance?.warnings.join() ?? "", /no manifest/);
});

for (const subformat of ["monolithicFlat", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat"]) {
  test(`a ${subformat} disk is taken from an OVA that holds all its parts`, async (t) => {
    const { w, raw } = await diskOf(t);
    qemuImg("convert", "-f", "raw", "-O", "vmdk", "-o", `subformat=${subformat}`, raw, w.spool("disk1.vmdk"));
    const names = (await readdir(w.spool(""))).filter((name) => name.startsWith("disk1"));
    const parts = await Promise.all(
      names.map(async (name) => ({ name, content: await readFile(w.spool(name)) })),
    );
    const path = await tar(w.spool("a"), [ovf(), ...parts]);

    const image = await w.library.takeSpooled(id, { path, format: "ova" }, signal);

    qemuImg("compare", "-f", "raw", "-F", "qcow2", raw, w.library.pathOf(id, image.files.content));
  });
}

const archives: readonly [
  string,
  (disk: Entry) => Entry[],
  "image.hostile" | "image.unreadable" | "image.checksum_mismatch",
  RegExp?,
][] = [
  [
    "a file that climbs with ../",
    (disk) => [ovf(), disk, { name: "../../escaped", content: "x" }],
    "image.hostile",
    /elsewhere/,
  ],
  ["an absolute file", (disk) => [ovf(), disk, { name: "/tmp/escaped", content: "x" }], "image.hostile"],
  ["a folder", (disk) => [{ name: "sub/", type: "directory", content: "" }, ovf(), disk], "image.hostile"],
  ["a file in a folder", (disk) => [ovf(), disk, { name: "sub/x", content: "x" }], "image.hostile"],
  [
    "a symbolic link",
    (disk) => [
      { name: "disk1.vmdk", type: "symlink", linkname: "/etc/passwd", content: "" },
      ovf(),
      { ...disk, name: "x" },
    ],
    "image.hostile",
    /plain file/,
  ],
  [
    "a hard link",
    (disk) => [{ name: "disk2.vmdk", type: "link", linkname: "/etc/passwd", content: "" }, ovf(), disk],
    "image.hostile",
  ],
  ["a pipe", (disk) => [{ name: "pipe", type: "fifo", content: "" }, ovf(), disk], "image.hostile"],
  ["one name twice", (disk) => [ovf(), disk, disk], "image.hostile", /one name/],
  [
    "one name twice, spelt differently",
    (disk) => [ovf(), disk, { ...disk, name: "./disk1.vmdk" }],
    "image.hostile",
    /one name/,
  ],
  [
    "too many files",
    (disk) => [
      ovf(),
      disk,
      ...Array.from({ length: 100 }, (_, index) => ({ name: `f${index}`, content: "" })),
    ],
    "image.hostile",
  ],
  ["a disk that is missing", () => [ovf()], "image.unreadable", /missing/],
  ["no description", (disk) => [disk], "image.unreadable", /\.ovf/],
  ["two descriptions", (disk) => [ovf(), { ...ovf(), name: "b.ovf" }, disk], "image.unreadable"],
  [
    "a manifest that disagrees",
    (disk) => [ovf(), manifest([ovf(), { ...disk, content: "other" }]), disk],
    "image.checksum_mismatch",
  ],
  [
    "a manifest of a missing file",
    (disk) => [ovf(), manifest([ovf(), disk, { name: "more.vmdk", content: "" }]), disk],
    "image.unreadable",
  ],
  [
    "a manifest of nonsense",
    (disk) => [ovf(), { name: "vm.mf", content: "MD5(vm.ovf)= 00" }, disk],
    "image.unreadable",
    /manifest/,
  ],
  [
    "a description of megabytes",
    (disk) => [{ name: "vm.ovf", content: Buffer.alloc(3 * MiB, " ") }, disk],
    "image.hostile",
  ],
  [
    "a disk that names /etc/passwd",
    () => [ovf(), { name: "disk1.vmdk", content: '# Disk DescriptorFile\nRW 8 FLAT "/etc/passwd" 0\n' }],
    "image.hostile",
  ],
  [
    "a disk that names itself as its part",
    () => [ovf(), { name: "disk1.vmdk", content: '# Disk DescriptorFile\nRW 8 SPARSE "disk1.vmdk"\n' }],
    "image.hostile",
  ],
  [
    "a flat part that is too short",
    () => [
      ovf(),
      { name: "disk1.vmdk", content: '# Disk DescriptorFile\nRW 8 FLAT "part" 0\n' },
      { name: "part", content: Buffer.alloc(512) },
    ],
    "image.unreadable",
    /too short/,
  ],
  [
    "a disk with a backing file",
    () => [ovf(), { name: "disk1.vmdk", content: backed() }],
    "image.hostile",
    /backing/,
  ],
];

function backed(): Buffer {
  const header = Buffer.alloc(65_536);
  header.write("QFI\xfb", "latin1");
  header.writeUInt32BE(3, 4);
  header.writeBigUInt64BE(512n, 8);
  return header;
}

for (const [what, entries, code, words] of archives) {
  test(`an OVA with ${what} is refused and leaves nothing`, async (t) => {
    const { w, disk } = await diskOf(t);
    const path = await tar(w.spool("a"), entries(disk));

    await refused(w, { path, format: "ova" }, code, words);

    assert.deepEqual((await readdir(w.root)).toSorted(), ["images", "spool"]);
  });
}

test("a truncated OVA is refused", async (t) => {
  const { w, disk } = await diskOf(t);
  const path = await tar(w.spool("a"), [ovf(), disk]);
  await truncate(path, (await stat(path)).size - 20_000);

  await refused(w, { path, format: "ova" }, "image.unreadable");
});

test("a file that claims terabytes is refused at the archive's end", async (t) => {
  const { w, disk } = await diskOf(t);
  const path = await tar(w.spool("a"), [ovf(), disk]);
  const bytes = await readFile(path);
  const header = bytes.subarray(bytes.indexOf("disk1.vmdk\0"), bytes.indexOf("disk1.vmdk\0") + 512);
  header.write("77777777777", 124);
  header.write("        ", 148);
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, "0")}\0 `,
    148,
  );
  await writeFile(path, bytes);

  await refused(w, { path, format: "ova" }, "image.unreadable");
});

test("something that is no archive is refused as an OVA", async (t) => {
  const w = await world(t);
  await writeFile(w.spool("a"), Buffer.alloc(4096, "x"));

  await refused(w, { path: w.spool("a"), format: "ova" }, "image.unreadable");
});
