import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { readQcow2, writeOverlay } from "./qcow2-overlay.ts";

const MiB = 1024 * 1024;

test("an overlay is one that QEMU finds without fault, of every size", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "serai-overlay-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const sizeBytes of [512, 4 * MiB, 1024 * MiB, 1024 * MiB + 512, 20 * 1024 * 1024 * MiB]) {
    const base = join(folder, `base${sizeBytes}.qcow2`);
    const path = join(folder, `top${sizeBytes}.qcow2`);
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", base, String(sizeBytes)]);

    writeOverlay(path, { backing: `base${sizeBytes}.qcow2`, backingFormat: "qcow2", sizeBytes });

    execFileSync("qemu-img", ["check", "-q", path]);
    assert.deepEqual(readQcow2(path), {
      sizeBytes,
      backing: `base${sizeBytes}.qcow2`,
      backingFormat: "qcow2",
    });
  }
});

test("an overlay shows what is below, takes what is written, and leaves what is below alone", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "serai-overlay-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const [base, top] = [join(folder, "base.qcow2"), join(folder, "top.qcow2")];
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", base, "8M"]);
  execFileSync("qemu-io", ["-f", "qcow2", "-c", "write -P 1 0 1M", base]);
  writeOverlay(top, { backing: "base.qcow2", backingFormat: "qcow2", sizeBytes: 8 * MiB });

  const file = (path: string, command: string) =>
    execFileSync("qemu-io", ["-f", "qcow2", "-c", command, path], { encoding: "utf8" });
  file(top, "write -P 2 4k 4k");

  assert.doesNotMatch(file(top, "read -P 1 0 4k"), /failed/);
  assert.doesNotMatch(file(top, "read -P 2 4k 4k"), /failed/);
  assert.doesNotMatch(file(top, "read -P 1 8k 100k"), /failed/);
  assert.doesNotMatch(file(base, "read -P 1 0 1M"), /failed/);
  execFileSync("qemu-img", ["check", "-q", top]);
});
