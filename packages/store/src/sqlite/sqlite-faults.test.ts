import assert from "node:assert/strict";
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";

import { put } from "../contract/fixture.ts";
import { openSqliteReader } from "./sqlite-reader.ts";
import { openSqliteStore } from "./sqlite-store.ts";

const signal = AbortSignal.timeout(60_000);

function folderTest(name: string, body: (path: string) => Promise<void>): void {
  test(name, async () => {
    const folder = await mkdtemp(join(tmpdir(), "serai-store-"));
    try {
      await body(join(folder, "store.db"));
    } finally {
      await rm(folder, { recursive: true });
    }
  });
}

async function filled(path: string): Promise<void> {
  const store = await openSqliteStore({ path }, signal);
  for (let index = 0; index < 50; index++) await put(store, `key/${index}`, signal, "x".repeat(500));
  await store.close();
}

folderTest("a second writer is refused and the first is not disturbed", async (path) => {
  const first = await openSqliteStore({ path }, signal);

  await assert.rejects(openSqliteStore({ path }, signal), { code: "store.locked" });
  assert.equal(await put(first, "a", signal), 1);
  await first.close();

  const second = await openSqliteStore({ path }, signal);
  await second.close();
});

folderTest("a closed store leaves the database and the lock, and the log is folded in", async (path) => {
  await filled(path);
  assert.deepEqual(readdirSync(join(path, "..")).toSorted(), ["store.db", "store.db.lock"]);
});

const damages: [string, (path: string) => void][] = [
  ["another file", (path) => writeFileSync(path, "not a database ".repeat(1000))],
  [
    "an empty file with a log",
    (path) => {
      truncateSync(path, 0);
      writeFileSync(`${path}-wal`, "the only copy");
    },
  ],
  ["half of the file", (path) => truncateSync(path, 8192)],
  ["a garbled header", (path) => writeFileSync(path, Buffer.alloc(100, 7), { flag: "r+" })],
  [
    "another program's database",
    (path) => {
      rmSync(path);
      const database = new DatabaseSync(path);
      database.exec("CREATE TABLE mine (a)");
      database.close();
    },
  ],
  [
    "a log without its database",
    (path) => {
      rmSync(path);
      writeFileSync(`${path}-wal`, "");
    },
  ],
];
for (const [what, damage] of damages)
  folderTest(`${what} in the store's place is refused and left as it is`, async (path) => {
    await filled(path);
    damage(path);
    const before = contents(path);

    await assert.rejects(openSqliteStore({ path }, signal), { code: "store.corrupt" });
    assert.deepEqual(contents(path), before);
  });

function contents(path: string): (Buffer | undefined)[] {
  return [path, `${path}-wal`].map((file) => (existsSync(file) ? readFileSync(file) : undefined));
}

folderTest("a store of a newer format is refused and left as it is", async (path) => {
  await filled(path);
  const database = new DatabaseSync(path);
  database.exec("PRAGMA user_version = 99");
  database.close();
  const before = readFileSync(path);

  await assert.rejects(openSqliteStore({ path }, signal), { code: "store.too_new", message: /format 99/ });
  assert.deepEqual(readFileSync(path), before);
});

folderTest("a folder that is not there is named", async (path) => {
  await assert.rejects(openSqliteStore({ path: `${path}/none/store.db` }, signal), {
    code: "store.unavailable",
    message: /none\/store\.db cannot be opened/,
  });
});

folderTest("old history is dropped by itself, and the limit is kept", async (path) => {
  const store = await openSqliteStore({ path, historyLimit: 100 }, signal);
  for (let index = 0; index < 150; index++) await put(store, "a", signal);

  await assert.rejects(store.watch({ prefix: "", fromRevision: 1 }, signal), { code: "store.compacted" });
  await store.watch({ prefix: "", fromRevision: 51 }, signal);
  await store.close();
});

folderTest(
  "a reader sees at once what was acknowledged, and a store that is not open is unavailable",
  async (path) => {
    using reader = openSqliteReader(path);
    assert.throws(() => reader.get("a"), { code: "store.unavailable" });

    for (let round = 1; round <= 2; round++) {
      const store = await openSqliteStore({ path }, signal);
      for (let index = 0; index < 100; index++) {
        await put(store, "vm/a", signal, `${round}-${index}`);
        assert.equal(reader.get("vm/a")?.value, `${round}-${index}`);
      }
      assert.deepEqual(reader.range("vm/"), (await store.range({ prefix: "vm/" }, signal)).items);
      assert.deepEqual(reader.range("vm0"), []);
      await store.close();
    }
  },
);

folderTest("a reader notices that the store was replaced", async (path) => {
  using reader = openSqliteReader(path);
  const old = await openSqliteStore({ path }, signal);
  await put(old, "a", signal, "old");
  assert.equal(reader.get("a")?.value, "old");
  await old.close();
  for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });

  const renewed = await openSqliteStore({ path }, signal);
  await put(renewed, "a", signal, "new");
  assert.equal(reader.get("a")?.value, "new");
  await renewed.close();
});

folderTest("a copy of the closed database is a store", async (path) => {
  await filled(path);
  cpSync(path, `${path}.copy`);
  const store = await openSqliteStore({ path: `${path}.copy` }, signal);
  assert.equal(await store.revision(signal), 50);
  await store.close();
});
