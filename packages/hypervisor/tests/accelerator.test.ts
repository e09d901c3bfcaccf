import assert from "node:assert/strict";
import { mkdtempDisposable, readFile, writeFile } from "node:fs/promises";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { probeAccelerator, runProbeGuest } from "../src/accelerator/probe.ts";
import { findQemu } from "../src/qemu-info.ts";
import { patience } from "./fixture.ts";

test("the probe guest runs to its end without KVM", async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "serai-probe-"));
  const qemu = await findQemu({ cacheDir: folder.path }, patience());

  const probe = {
    qemuPath: qemu.path,
    qemuVersion: qemu.version,
    kernelRelease: release(),
    cacheDir: folder.path,
  };
  const outcome = await runProbeGuest({ ...probe, accelerator: "tcg" }, patience());

  assert.deepEqual(outcome, { isSuccess: true, isTimeout: false, reason: "" });
});

test("a QEMU that cannot run the probe guest under KVM means tcg, with the reason", async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "serai-probe-"));
  const broken = join(folder.path, "qemu");
  await writeFile(
    broken,
    "#!/bin/sh\necho 'qemu-system-x86_64: error: failed to set MSR 0x48f' >&2\nexit 1\n",
    { mode: 0o755 },
  );

  const probe = { qemuPath: broken, qemuVersion: "7.2.22", kernelRelease: release(), cacheDir: folder.path };
  const outcome = await runProbeGuest({ ...probe, accelerator: "kvm" }, patience());

  assert.deepEqual(outcome, {
    isSuccess: false,
    isTimeout: false,
    reason: "QEMU ended with code 1 (error: failed to set MSR 0x48f)",
  });
});

test("the choice is made once per kernel and QEMU, and says why", async (context) => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "serai-probe-"));
  const qemu = await findQemu({ cacheDir: folder.path }, patience());
  const probe = {
    qemuPath: qemu.path,
    qemuVersion: qemu.version,
    kernelRelease: qemu.kernelRelease,
    cacheDir: folder.path,
  };

  const first = await probeAccelerator(probe, patience());
  context.diagnostic(`${first.kind}: ${first.reason}`);
  const second = await probeAccelerator({ ...probe, qemuPath: probe.qemuPath }, patience());

  assert.notEqual(first.reason, "");
  assert.deepEqual(second, first);
});

test("what QEMU can do is asked once for as long as its file stays the same", async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "serai-probe-"));
  const first = await findQemu({ cacheDir: folder.path }, patience());
  assert.match(first.defaultMachineType, /^pc-q35-/);
  const cacheFile = join(folder.path, "qemu.json");
  const cached = JSON.parse(await readFile(cacheFile, "utf8")) as object;
  await writeFile(cacheFile, JSON.stringify({ ...cached, version: "7.2.99" }));

  const second = await findQemu({ cacheDir: folder.path }, patience());

  assert.equal(second.version, "7.2.99");
});
