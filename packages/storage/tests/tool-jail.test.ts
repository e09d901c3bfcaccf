import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { openToolJail } from "@serai/storage/tool-jail";

const { signal } = new AbortController();
const limits = { deadlineMs: 20_000 };

test("a jailed tool sees its own files and no other, no network, and has no rights", async (t) => {
  const jail = await openToolJail(signal);
  if (jail.kind !== "bubblewrap") return t.skip(`bubblewrap does not work here: ${jail.kind}`);
  const folder = await mkdtemp(join(tmpdir(), "serai-jail-"));
  t.after(() => rm(folder, { recursive: true }));
  await chmod(folder, 0o755);
  await writeFile(join(folder, "mine"), "mine");
  const script = `cat $0; ls /etc ${folder} /root 2>/dev/null; ls /sys/class/net 2>/dev/null; grep -c : /proc/net/dev; grep CapEff /proc/self/status; echo x > $0`;

  const result = await jail.run(
    {
      argv: (seen) => ["sh", "-c", script, seen(join(folder, "mine"))],
      view: { readOnly: [[join(folder, "mine"), "/in/mine"]], writable: [] },
      limits,
    },
    signal,
  );

  assert.match(result.stdout, /^mine\/etc:\nld\.so\.cache\n1\nCapEff:\s+0+\n$/);
  assert.match(result.stderr, /Read-only file system|Permission denied/);
});

test("a jailed tool that writes more than it may is ended", async (t) => {
  const jail = await openToolJail(signal);
  const folder = await mkdtemp(join(tmpdir(), "serai-jail-"));
  t.after(() => rm(folder, { recursive: true }));
  await chmod(folder, 0o777);

  const result = await jail.run(
    {
      argv: (seen) => ["dd", "if=/dev/zero", `of=${seen(join(folder, "out"))}`, "bs=1M", "count=64"],
      view: { readOnly: [], writable: [[folder, "/out"]] },
      limits: { ...limits, maxFileBytes: 1024 * 1024 },
    },
    signal,
  );

  assert.notEqual(result.exitCode, 0);
});
