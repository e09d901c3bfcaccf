import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { lockFolder } from "./build-lock.ts";
import { ensureGuestImage } from "./images.ts";

async function temporaryFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), "serai-guest-images-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

test("an unknown name is refused with the names there are", async () => {
  await using folder = await temporaryFolder();

  await assert.rejects(
    ensureGuestImage("solaris", { outRoot: folder.path }),
    /There is no guest image "solaris".*tiny/,
  );

  assert.deepEqual(await readdir(folder.path), []);
});

test("a cancelled build leaves nothing behind", async () => {
  await using folder = await temporaryFolder();
  const cancelled = AbortSignal.abort(new Error("cancelled"));

  await assert.rejects(ensureGuestImage("tiny", { outRoot: folder.path, signal: cancelled }), /cancelled/);

  assert.deepEqual(await readdir(folder.path), []);
});

test("a lock held by a living process is waited for, until the deadline", async () => {
  await using folder = await temporaryFolder();
  const lock = join(folder.path, "lock");
  const told: string[] = [];
  await using _mine = await lockFolder(lock, () => {}, AbortSignal.timeout(1000));

  await assert.rejects(lockFolder(lock, (line) => told.push(line), AbortSignal.timeout(50)));

  assert.match(told.join(), new RegExp(`waiting for process ${process.pid}`));
});

test("a lock left by a dead process is taken over", async () => {
  await using folder = await temporaryFolder();
  const lock = join(folder.path, "lock");
  await writeFile(lock, `${process.pid} 1`); // this number, but another process: it started at another time

  const taken = await lockFolder(lock, () => {}, AbortSignal.timeout(1000));
  await taken[Symbol.asyncDispose]();

  assert.deepEqual(await readdir(folder.path), []);
});

test("a folder without a manifest is not taken for an image", async () => {
  await using folder = await temporaryFolder();
  await mkdir(join(folder.path, "memtest86-000000000000"));

  await assert.rejects(
    ensureGuestImage("memtest86", {
      outRoot: folder.path,
      signal: AbortSignal.abort(new Error("would build")),
    }),
    /would build/,
  );
});
