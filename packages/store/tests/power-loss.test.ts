import assert from "node:assert/strict";
import { copyFileSync, rmSync, statSync, truncateSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";

import { delay, poll } from "@serai/kit/deadline";

import { columns, toKeyValue } from "../src/sqlite/rows.ts";
import { type Acknowledged, checkKept, checkWhole } from "./crash-lanes.ts";
import { type CrashWriter, startCrashWriter } from "./crash-process.ts";

/*
 * What a power cut leaves is what was synced, plus any part of what was written since. A test cannot cut the power;
 * it can freeze the writer, and then damage the part of the log that was written after the last acknowledgement it
 * had heard. That shows that the store needs nothing it has not synced. It does not show that the disk keeps what
 * it says it has synced; sync-calls.test.ts shows that the store asks for it.
 */
const rounds = 20;
const cutsPerRound = 15;
const walHeaderBytes = 32;
// Below this the log was never copied into the database, so that any shorter log is a state that once existed.
const untouchedWalBytes = walHeaderBytes + 900 * (4096 + 24);

test(
  "whatever the log lost since the last acknowledgement, that is still there",
  { timeout: 120_000 },
  async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "serai-power-"));
    const signal = AbortSignal.timeout(110_000);
    let cuts = 0;
    try {
      for (let round = 0; round < rounds; round++) {
        const image = await freezeTwice(join(folder, `${round}.db`), folder, signal);
        for (let cut = 0; cut < cutsPerRound && image.walBytes < untouchedWalBytes; cut++, cuts++) {
          // Behind what was acknowledged: lost or garbled, nothing acknowledged may be missing.
          const kept = between(image.walBytesThen, image.walBytes);
          checkKept(checkWhole(readCut(image.path, kept)), image.acknowledgedThen);
          const garbled = await garble(image.path, kept);
          checkKept(checkWhole(readCut(image.path, image.walBytes, garbled)), image.acknowledgedThen);
          // Anywhere: older, but never half a transaction.
          checkWhole(readCut(image.path, between(0, image.walBytes)));
        }
      }
    } finally {
      await rm(folder, { recursive: true });
    }
    t.diagnostic(`${cuts} cuts, each in three ways`);
    assert.ok(cuts > rounds, "the logs were too long to cut");
  },
);

type Image = { path: string; walBytes: number; walBytesThen: number; acknowledgedThen: Acknowledged };

/** Freezes a writer, notes what it has acknowledged; lets it write on for a moment, freezes it, and takes its files. */
async function freezeTwice(path: string, folder: string, signal: AbortSignal): Promise<Image> {
  const writer = await startCrashWriter(path, join(folder, "cache"));
  try {
    await delay(Math.random() * 4, signal);
    const acknowledgedThen = await freeze(writer, signal);
    const walBytesThen = statSync(`${path}-wal`).size;
    writer.child.kill("SIGCONT");
    await delay(Math.random() * 6, signal);
    await freeze(writer, signal);
    copyFileSync(path, `${path}.image`);
    copyFileSync(`${path}-wal`, `${path}.image-wal`);
    return {
      path: `${path}.image`,
      walBytes: statSync(`${path}.image-wal`).size,
      walBytesThen,
      acknowledgedThen,
    };
  } finally {
    await writer.kill();
  }
}

async function freeze({ child, acknowledged }: CrashWriter, signal: AbortSignal): Promise<Acknowledged> {
  child.kill("SIGSTOP");
  await poll(
    { ms: 5000, everyMs: 1, code: "store.unavailable", message: "The writer does not stop." },
    signal,
    async () => (/\) T /.test(await readFile(`/proc/${child.pid}/stat`, "latin1")) ? true : undefined),
  );
  return { counts: new Map(acknowledged.counts), revision: acknowledged.revision };
}

/** Opens a copy of the image as it would be found at boot, its log cut at that length. */
function readCut(image: string, walBytes: number, wal = `${image}-wal`) {
  const copy = `${image}.cut`;
  for (const suffix of ["", "-wal", "-shm"]) rmSync(copy + suffix, { force: true });
  copyFileSync(image, copy);
  copyFileSync(wal, `${copy}-wal`);
  truncateSync(`${copy}-wal`, walBytes);
  const database = new DatabaseSync(copy);
  try {
    return database.prepare(`SELECT ${columns} FROM kv`).all().map(toKeyValue);
  } finally {
    database.close();
  }
}

/** Overwrites a piece of the log somewhere behind the offset. */
async function garble(image: string, from: number): Promise<string> {
  const wal = await readFile(`${image}-wal`);
  wal.fill(0xa5, from, Math.min(wal.length, from + between(1, 5000)));
  await writeFile(`${image}-garbled`, wal);
  return `${image}-garbled`;
}

function between(low: number, high: number): number {
  return low + Math.floor(Math.random() * (high - low + 1));
}
