import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const transactions = 50;
const script = `
  import { writeSync } from "node:fs";
  import { openSqliteStore } from ${JSON.stringify(new URL("../src/sqlite/sqlite-store.ts", import.meta.url).href)};
  const signal = AbortSignal.timeout(30000);
  const store = await openSqliteStore({ path: process.argv[1] }, signal);
  for (let index = 0; index < ${transactions}; index++) {
    writeSync(1, "asked\\n");
    await store.txn({ then: [{ put: "a", value: String(index) }] }, signal);
    writeSync(1, "acknowledged\\n");
  }
  await store.close();
`;

test("between a transaction and its acknowledgement the disk is told to sync the log", async (t) => {
  if (spawnSync("strace", ["-V"]).error) return t.skip("strace is not installed");
  const folder = await mkdtemp(join(tmpdir(), "serai-sync-"));
  try {
    const trace = join(folder, "trace");
    const tracing = ["-f", "-y", "-e", "trace=write,fsync,fdatasync", "-o", trace, process.execPath];
    execFileSync("strace", [...tracing, "--input-type=module", "-e", script, join(folder, "store.db")], {
      stdio: "pipe",
    });

    let syncs = 0;
    let acknowledged = 0;
    for (const line of (await readFile(trace, "utf8")).split("\n")) {
      if (line.includes('"asked\\n"')) syncs = 0;
      else if (/f(data)?sync\(\d+<.*store\.db-wal>/.test(line)) syncs++;
      else if (line.includes('"acknowledged\\n"')) {
        assert.ok(syncs > 0, `transaction ${acknowledged} was acknowledged before it was synced`);
        acknowledged++;
      }
    }
    assert.equal(acknowledged, transactions);
  } finally {
    await rm(folder, { recursive: true });
  }
});
