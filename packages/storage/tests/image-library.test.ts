import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmod,
  mkdtemp,
  mkdir,
  open,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { isFault, type FaultCode } from "@serai/kit/fault";
import { imageLibrary, type ImageLibrary } from "@serai/storage/image-library";

const { signal } = new AbortController();
const id = "img-000000000001";

async function world(
  t: TestContext,
): Promise<{ library: ImageLibrary; directory: string; spool: (name: string) => string }> {
  const root = await mkdtemp(join(tmpdir(), "serai-images-"));
  await chmod(root, 0o755); // the checking tool runs as nobody
  t.after(() => rm(root, { recursive: true }));
  const directory = join(root, "images");
  await mkdir(directory, { mode: 0o711 });
  await mkdir(join(root, "spool"));
  return { library: imageLibrary(directory), directory, spool: (name) => join(root, "spool", name) };
}

const qemuImg = (...args: string[]) => execFileSync("qemu-img", args, { stdio: "pipe" });

async function refused(
  w: Awaited<ReturnType<typeof world>>,
  path: string,
  format: "raw" | "qcow2" | "iso",
  code: FaultCode,
) {
  await assert.rejects(w.library.takeSpooled(id, { path, format }, signal), (error) => isFault(error, code));
  assert.deepEqual(await readdir(w.directory), [], "nothing half-made stays");
}

test("a qcow2 is taken over with the truth about it, and stays when its spool goes", async (t) => {
  const w = await world(t);
  qemuImg("create", "-q", "-f", "qcow2", w.spool("a"), "64M");

  const image = await w.library.takeSpooled(id, { path: w.spool("a"), format: "qcow2" }, signal);
  await rm(w.spool("a"));

  assert.equal(image.virtualSizeBytes, 64 * 1024 * 1024);
  assert.equal(
    image.sha256,
    createHash("sha256")
      .update(await readFile(w.library.pathOf(id, image.files.content)))
      .digest("hex"),
  );
  assert.deepEqual(await w.library.find(id, signal), image);
});

test("a sparse raw image stays sparse and identical", async (t) => {
  const w = await world(t);
  const file = await open(w.spool("a"), "w");
  await file.write("begin", 0);
  await file.write("end", 40 * 1024 * 1024);
  await file.truncate(64 * 1024 * 1024);
  await file.close();

  const image = await w.library.takeSpooled(id, { path: w.spool("a"), format: "raw" }, signal);

  const path = w.library.pathOf(id, image.files.content);
  assert.ok((await stat(path)).blocks * 512 < 8 * 1024 * 1024);
  execFileSync("cmp", [w.spool("a"), path]);
});

test("a planted backing file is refused before any tool opens it", async (t) => {
  const w = await world(t);
  await writeFile(w.spool("secret"), Buffer.alloc(1024 * 1024, "s"));
  qemuImg("create", "-q", "-f", "qcow2", "-b", w.spool("secret"), "-F", "raw", w.spool("a"));

  await refused(w, w.spool("a"), "qcow2", "image.hostile");
});

test("a planted external data file is refused", async (t) => {
  const w = await world(t);
  qemuImg("create", "-q", "-f", "qcow2", "-o", `data_file=${w.spool("data")}`, w.spool("a"), "1M");

  await refused(w, w.spool("a"), "qcow2", "image.hostile");
});

test("a vmdk descriptor that points at a host file is refused", async (t) => {
  const w = await world(t);
  const text = '# Disk DescriptorFile\nversion=1\ncreateType="monolithicFlat"\nRW 8 FLAT "/etc/shadow" 0\n';
  await writeFile(w.spool("a"), text.padEnd(4096, "\n"));

  await refused(w, w.spool("a"), "raw", "image.unreadable");
});

test("a truncated qcow2 is refused", async (t) => {
  const w = await world(t);
  const whole = w.spool("whole");
  qemuImg("create", "-q", "-f", "qcow2", whole, "8M");
  execFileSync("qemu-io", ["-f", "qcow2", "-c", "write -P 1 0 4M", whole], { stdio: "pipe" });
  await writeFile(w.spool("a"), (await readFile(whole)).subarray(0, 1024 * 1024));

  await refused(w, w.spool("a"), "qcow2", "image.unreadable");
});

test("a link in the spool is not followed", async (t) => {
  const w = await world(t);
  await writeFile(w.spool("target"), Buffer.alloc(4096));
  await symlink(w.spool("target"), w.spool("a"));

  await refused(w, w.spool("a"), "raw", "image.hostile");
});

test("content that is not what was announced is refused", async (t) => {
  const w = await world(t);
  await writeFile(w.spool("a"), Buffer.alloc(4096, 1));

  await assert.rejects(
    w.library.takeSpooled(id, { path: w.spool("a"), format: "raw", sha256: "0".repeat(64) }, signal),
    (error) => isFault(error, "image.checksum_mismatch"),
  );

  assert.deepEqual(await readdir(w.directory), []);
});

test("an aborted take leaves nothing", async (t) => {
  const w = await world(t);
  await writeFile(w.spool("a"), Buffer.alloc(4096, 1));

  await assert.rejects(
    w.library.takeSpooled(id, { path: w.spool("a"), format: "raw" }, AbortSignal.abort()),
    { name: "AbortError" },
  );

  assert.deepEqual(await readdir(w.directory), []);
});
