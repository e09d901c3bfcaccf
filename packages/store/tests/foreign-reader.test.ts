import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chownSync, readdirSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { delay } from "@serai/kit/deadline";

import { openSqliteReader } from "../src/sqlite/sqlite-reader.ts";
import { checkKept, checkWhole } from "./crash-lanes.ts";
import { startCrashWriter } from "./crash-process.ts";

const nobody = 65_534;
const rounds = 20;

/** True if that user can run our code: a checkout in root's home is closed to it. */
function canRunAsNobody(): boolean {
  const script = fileURLToPath(new URL("./crash-writer.ts", import.meta.url));
  try {
    execFileSync(process.execPath, ["-e", "fs.accessSync(process.argv[1], fs.constants.R_OK)", script], {
      uid: nobody,
      gid: nobody,
      stdio: "ignore",
    });
    return true;
  } catch {
    return false;
  }
}

test("root reads another user's store through its crashes and never gets in its way", async (t) => {
  if (process.geteuid?.() !== 0) return t.skip("reading as another user needs root");
  if (!canRunAsNobody()) return t.skip("the other user may not read this checkout");
  const folder = await mkdtemp(join(tmpdir(), "serai-foreign-"));
  chownSync(folder, nobody, nobody);
  const path = join(folder, "store.db");
  const signal = AbortSignal.timeout(60_000);
  try {
    using reader = openSqliteReader(path);
    let reads = 0;
    for (let round = 0; round < rounds; round++) {
      const writer = await startCrashWriter(path, join(folder, "cache"), nobody);
      for (let look = 0; look < 5; look++, reads++) {
        const heard = { ...writer.acknowledged, counts: new Map(writer.acknowledged.counts) };
        checkKept(checkWhole(reader.range("")), heard);
        await delay(Math.random() * 4, signal);
      }
      await writer.kill();
      // With no writer there; the old reader stays, the fresh one goes before the next writer comes.
      checkKept(checkWhole(reader.range("")), writer.acknowledged);
      using fresh = openSqliteReader(path);
      checkKept(checkWhole(fresh.range("")), writer.acknowledged);
      for (const name of readdirSync(folder)) assert.equal(statSync(join(folder, name)).uid, nobody, name);
    }
    t.diagnostic(`${reads} reads beside the writer, ${rounds} crashes`);
  } finally {
    await rm(folder, { recursive: true });
  }
});
