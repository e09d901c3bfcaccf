import assert from "node:assert/strict";
import { test } from "node:test";
import { checkQemuSafety } from "./qemu-safety.ts";

const table = [
  ["tcg", "7.2.22", "precopy_migration", "cured"],
  ["tcg", "8.2.0", "precopy_migration", "cured"],
  ["tcg", "9.0.0", "precopy_migration", "ok"],
  ["kvm", "7.2.22", "precopy_migration", "ok"],
  ["tcg", "7.2.22", "live_memory_snapshot", "cured"],
  ["tcg", "10.0.2", "live_memory_snapshot", "ok"],
  ["tcg", "7.2.22", "memory_hotplug_migration", "cured"],
  ["tcg", "7.2.22", "postcopy_migration", "ok"],
  ["tcg", "7.2.22", "paused_migration", "ok"],
  ["tcg", "7.2.22", "background_snapshot", "ok"],
  ["kvm", "7.2.22", "instant_clone_readonly_ram", "refused"],
  ["tcg", "7.2.22", "colo", "cured"],
  ["kvm", "7.2.22", "colo", "ok"],
  ["tcg", "10.0.2", "colo", "refused"],
  ["kvm", "10.0.2", "colo", "refused"],
] as const;

for (const [accelerator, qemuVersion, feature, verdict] of table) {
  test(`${feature} under ${accelerator} on QEMU ${qemuVersion}: ${verdict}`, () => {
    assert.equal(checkQemuSafety({ accelerator, qemuVersion, feature }).verdict, verdict);
  });
}
