import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { isFault } from "@serai/kit/fault";

import { put } from "../src/contract/fixture.ts";
import { openSqliteStore } from "../src/sqlite/sqlite-store.ts";

const signal = AbortSignal.timeout(60_000);

/** A file system of its own, that can be filled and made read-only; undefined where we may not mount. */
async function mountSmallDisk(): Promise<({ folder: string } & AsyncDisposable) | undefined> {
  const folder = await mkdtemp(join(tmpdir(), "serai-disk-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "serai-test", folder], { stdio: "ignore" });
  } catch {
    await rm(folder, { recursive: true }); // not root, or in a container: the caller skips and says so
    return undefined;
  }
  const dispose = async () => {
    execFileSync("umount", ["-l", folder]);
    await rm(folder, { recursive: true });
  };
  return { folder, [Symbol.asyncDispose]: dispose };
}

test("a full disk fails writes with a fault, loses nothing, and is forgotten once there is space", async (t) => {
  await using disk = await mountSmallDisk();
  if (disk === undefined) return t.skip("mounting a file system needs root");
  const path = join(disk.folder, "store.db");
  const ballast = join(disk.folder, "ballast");
  const store = await openSqliteStore({ path }, signal);
  await put(store, "first", signal, "1");
  const watch = await store.watch({ prefix: "" }, signal);
  fill(ballast);

  const kept: string[] = [];
  let failures = 0;
  for (let index = 0; failures < 5; index++) {
    const key = `key/${String(index).padStart(5, "0")}`;
    await put(store, key, signal, "x".repeat(20_000)).then(
      () => kept.push(key),
      (error: unknown) => {
        assert.ok(isFault(error, "store.unavailable"), String(error));
        assert.match(error.message, /is full; free some space/);
        failures++;
      },
    );
  }
  assert.equal((await store.get("first", signal))?.value, "1");
  assert.deepEqual(
    (await store.range({ prefix: "key/" }, signal)).items.map((item) => item.key),
    kept,
  );

  rmSync(ballast);
  const revision = await put(store, "last", signal);
  assert.equal(revision, kept.length + 2);
  let expected = 2;
  for await (const batch of watch) {
    assert.equal(batch.revision, expected++);
    if (batch.revision === revision) break;
  }
  await store.close();
});

test("a disk that is full at the start is named, and no half-made store is left", async (t) => {
  await using disk = await mountSmallDisk();
  if (disk === undefined) return t.skip("mounting a file system needs root");
  const path = join(disk.folder, "store.db");
  const ballast = join(disk.folder, "ballast");
  fill(ballast);

  await assert.rejects(openSqliteStore({ path }, signal), { code: "store.unavailable", message: /is full/ });
  assert.deepEqual(readdirSync(disk.folder).toSorted(), ["ballast", "store.db.lock"]);

  rmSync(ballast);
  const store = await openSqliteStore({ path }, signal);
  assert.equal(await put(store, "a", signal), 1);
  await store.close();
});

test("a read-only disk is named", async (t) => {
  await using disk = await mountSmallDisk();
  if (disk === undefined) return t.skip("mounting a file system needs root");
  const path = join(disk.folder, "store.db");
  const refusal = { code: "store.unavailable", message: /cannot be (written|opened); check/ };
  execFileSync("mount", ["-o", "remount,ro", disk.folder]);
  await assert.rejects(openSqliteStore({ path }, signal), refusal);

  execFileSync("mount", ["-o", "remount,rw", disk.folder]);
  const store = await openSqliteStore({ path }, signal);
  await put(store, "a", signal);
  await store.close();
  execFileSync("mount", ["-o", "remount,ro", disk.folder]);
  await assert.rejects(openSqliteStore({ path }, signal), refusal);
});

function fill(path: string): void {
  for (const size of [65_536, 4096])
    for (;;) {
      try {
        writeFileSync(path, Buffer.alloc(size, 1), { flag: "a" });
      } catch {
        break; // full, which is the aim
      }
    }
}
