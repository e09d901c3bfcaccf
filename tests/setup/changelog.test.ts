import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { sandbox } from "./sandbox.ts";

test("a release folds the changes into the changelog, newest first, and removes them", () => {
  using machine = sandbox();
  machine.file("CHANGELOG.md", "# Changelog\n\nIntro.\n\n## 0.1.0 (2026-01-01)\n\n### Added\n\n- Old.\n");
  machine.file("changes/README.md", "# How\n");
  machine.file("changes/pause.md", "A VM can be\npaused.\n");
  machine.file("changes/crash.md", "fixed: No crash.\n");

  const { status } = spawnSync(process.execPath, [
    join(machine.root, "scripts/changelog.ts"),
    "0.2.0",
    "2026-02-03",
  ]);

  assert.equal(status, 0);
  assert.equal(
    machine.read("CHANGELOG.md"),
    "# Changelog\n\nIntro.\n\n## 0.2.0 (2026-02-03)\n\n### Added\n\n- A VM can be\n  paused.\n\n### Fixed\n\n- No crash.\n\n## 0.1.0 (2026-01-01)\n\n### Added\n\n- Old.\n",
  );
  assert.ok(!existsSync(join(machine.root, "changes/pause.md")));
  assert.ok(existsSync(join(machine.root, "changes/README.md")));
});

test("a release without a version or without changes is refused", () => {
  using machine = sandbox();
  machine.file("changes/README.md", "# How\n");
  const fold = (...args: string[]) =>
    spawnSync(process.execPath, [join(machine.root, "scripts/changelog.ts"), ...args]).status;

  assert.equal(fold(), 2);
  assert.equal(fold("next"), 2);
  assert.equal(fold("0.2.0"), 1);
});
