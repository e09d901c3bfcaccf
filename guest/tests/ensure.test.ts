import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ensureGuestImage } from "../images.ts";

test("of many who ask at once one builds, all get the same image, and later calls change nothing", async () => {
  const outRoot = await mkdtemp(join(tmpdir(), "serai-guest-ensure-"));
  try {
    const lines: string[] = [];
    const onProgress = (line: string) => lines.push(line);
    const asked = Array.from({ length: 3 }, () => ensureGuestImage("memtest86", { outRoot, onProgress }));
    const dirs = new Set((await Promise.all(asked)).map((image) => image.dir));
    const [dir = ""] = dirs;
    const built = await stat(join(dir, "manifest.json"));

    const startedAt = performance.now();
    await ensureGuestImage("memtest86", { outRoot, onProgress });
    const secondCallMs = performance.now() - startedAt;

    assert.equal(dirs.size, 1);
    assert.equal(lines.filter((line) => line.includes("done in")).length, 1);
    assert.equal((await stat(join(dir, "manifest.json"))).mtimeMs, built.mtimeMs);
    assert.ok(secondCallMs < 100, `the second call took ${secondCallMs} ms`);
    assert.deepEqual(await readdir(outRoot), [dir.slice(outRoot.length + 1)]);

    // a file that went missing is noticed, and the image made anew
    await rm(join(dir, "memtest.bin"));
    const again = await ensureGuestImage("memtest86", { outRoot, onProgress });
    assert.ok((await stat(again.files.kernel?.path ?? "")).size > 100_000);
  } finally {
    await rm(outRoot, { recursive: true, force: true });
  }
});
