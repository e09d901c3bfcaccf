import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { isFault, type FaultCode } from "@serai/kit/fault";
import type { ImportFormat } from "@serai/model/image-format";
import { imageLibrary, type ImageLibrary } from "@serai/storage/image-library";

export const id = "img-000000000001";
export const MiB = 1024 * 1024;
export const qemuImg = (...args: string[]): string =>
  execFileSync("qemu-img", args, { stdio: "pipe", encoding: "utf8" });

export type World = {
  root: string;
  library: ImageLibrary;
  directory: string;
  spool: (name: string) => string;
};

export async function world(t: TestContext): Promise<World> {
  const root = await mkdtemp(join(tmpdir(), "serai-images-"));
  await chmod(root, 0o755); // the jailed tools run as nobody
  t.after(() => rm(root, { recursive: true }));
  const directory = join(root, "images");
  await mkdir(directory, { mode: 0o711 });
  await mkdir(join(root, "spool"));
  return { root, library: imageLibrary(directory), directory, spool: (name) => join(root, "spool", name) };
}

/** A sparse raw disk with a pattern at its beginning, in its middle and at its end. */
export async function plantDisk(path: string, sizeBytes = 24 * MiB): Promise<string> {
  await using file = await open(path, "w");
  await file.truncate(sizeBytes);
  for (const [at, byte] of [
    [0, 1],
    [10 * MiB + 4096, 2],
    [sizeBytes - 512, 3],
  ] as const)
    await file.write(Buffer.alloc(512, byte), 0, 512, at);
  return path;
}

const made = new Map<string, Buffer>();

/** The planted disk in another format; made once, because most tests only change some bytes of it. */
export async function plantForeign(path: string, format: string, options?: string): Promise<string> {
  const key = `${format} ${options ?? ""}`;
  let bytes = made.get(key);
  if (bytes === undefined) {
    const raw = await plantDisk(`${path}.raw`);
    qemuImg(
      "convert",
      "-f",
      "raw",
      "-O",
      format,
      ...(options === undefined ? [] : ["-o", options]),
      raw,
      path,
    );
    bytes = await readFile(path);
    made.set(key, bytes);
  }
  await writeFile(path, bytes);
  return path;
}

export async function refused(
  w: World,
  { path, format }: { path: string; format: ImportFormat },
  code: FaultCode,
  words?: RegExp,
): Promise<void> {
  const { signal } = new AbortController();
  await assert.rejects(w.library.takeSpooled(id, { path, format }, signal), (error) => {
    assert.ok(isFault(error, code), `${String(error)} is not ${code}`);
    if (words !== undefined) assert.match(error.message, words);
    return true;
  });
  assert.deepEqual(await readdir(w.directory), [], "nothing half-made stays");
}
