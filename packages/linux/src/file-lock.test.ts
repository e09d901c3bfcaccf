import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { isFault } from "@serai/kit/fault";
import { lockFile, readLockHolder, tryLockFile } from "./file-lock.ts";

const { signal } = new AbortController();
const folder = mkdtempSync(path.join(tmpdir(), "serai-lock-"));
after(() => rmSync(folder, { recursive: true }));

test("one holder at a time, also within one process", () => {
  const file = path.join(folder, "one");

  const first = tryLockFile(file);
  assert.ok(first !== undefined);
  assert.equal(tryLockFile(file), undefined);
  assert.equal(readLockHolder(file), process.pid);
  first[Symbol.dispose]();

  const second = tryLockFile(file);
  assert.ok(second !== undefined);
  first[Symbol.dispose](); // again: must not let go of the other's lock
  assert.equal(tryLockFile(file), undefined);
  second[Symbol.dispose]();
});

test("a lock dies with its process, and not before", async () => {
  const file = path.join(folder, "dies");
  const code = `import { tryLockFile } from ${JSON.stringify(new URL("./file-lock.ts", import.meta.url).href)};
    globalThis.held = tryLockFile(${JSON.stringify(file)}); console.log("held"); setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ["--input-type=module", "-e", code], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(holder.stdout, "data");

  await assert.rejects(
    lockFile(file, 30, signal),
    (error) => isFault(error, "file.locked") && error.message.includes(`process ${holder.pid}`),
  );
  const waiting = lockFile(file, 5_000, signal);
  holder.kill("SIGKILL");

  using lock = await waiting;
  assert.equal(readLockHolder(lock.path), process.pid);
});

test("children do not keep the lock alive", async () => {
  const file = path.join(folder, "children");
  const lock = tryLockFile(file);
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  await once(child, "spawn");

  lock?.[Symbol.dispose]();

  using again = tryLockFile(file);
  assert.ok(again !== undefined);
  child.kill("SIGKILL");
  await once(child, "close");
});
