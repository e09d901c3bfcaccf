import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readProvisionNote, writeProvisionNote } from "./provision-note.ts";

function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "serai-note-"));
  return work(folder).finally(() => rmSync(folder, { recursive: true }));
}

test("a note is read as it was written, and the newest counts", () =>
  inFolder(async (folder) => {
    assert.equal(await readProvisionNote(folder), 0);
    await writeProvisionNote(folder, 3);
    await writeProvisionNote(folder, 4);
    assert.equal(await readProvisionNote(folder), 4);
  }));

test("links that a hostile QEMU put there lead nowhere, for reading and for writing", () =>
  inFolder(async (folder) => {
    const precious = join(folder, "precious");
    writeFileSync(precious, '{"generation":99}');
    for (const name of ["provisioned.json", "provisioned.json.part"])
      symlinkSync(precious, join(folder, name));

    assert.equal(await readProvisionNote(folder), 0);
    await writeProvisionNote(folder, 5);

    assert.equal(await readProvisionNote(folder), 5);
    assert.equal(readFileSync(precious, "utf8"), '{"generation":99}');
  }));

test("a pipe in its place is not waited for", () =>
  inFolder(async (folder) => {
    execFileSync("mkfifo", [join(folder, "provisioned.json")]);
    assert.equal(await readProvisionNote(folder), 0);
  }));
