import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { probeLinux } from "./probe.ts";

test("the probe agrees with what the machine shows elsewhere", async () => {
  const probe = await probeLinux(tmpdir(), new AbortController().signal);

  assert.equal(probe.kernelRelease, readFileSync("/proc/sys/kernel/osrelease", "utf8").trim());
  assert.equal(probe.kvmDevice === "absent", !existsSync("/dev/kvm"));
  assert.equal(probe.hasSystemd, existsSync("/run/systemd/system"));
  assert.ok(probe.cpuCount >= 1);
  assert.ok(probe.memoryAvailableBytes > 2 ** 20 && probe.memoryAvailableBytes <= probe.memoryTotalBytes);
  assert.ok(probe.diskFreeBytes > 0);
  assert.deepEqual(JSON.parse(JSON.stringify(probe)), probe);
});
