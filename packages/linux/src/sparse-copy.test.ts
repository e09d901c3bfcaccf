import assert from "node:assert/strict";
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { isFault } from "@serai/kit/fault";
import { copySparse } from "./sparse-copy.ts";

const { signal } = new AbortController();
const folder = mkdtempSync(path.join(tmpdir(), "serai-copy-"));
after(() => rmSync(folder, { recursive: true }));

test("holes stay holes and data stays data", async () => {
  const source = path.join(folder, "source");
  const target = path.join(folder, "target");
  writeFileSync(source, "begin");
  truncateSync(source, 256 * 1024 * 1024);
  await using file = await open(source, "r+");
  await file.write("end", 200 * 1024 * 1024);

  await copySparse(source, target, signal);

  assert.equal(statSync(target).size, 256 * 1024 * 1024);
  assert.ok(statSync(target).blocks * 512 < 1024 * 1024, "the copy is dense");
  await using copy = await open(target);
  const { buffer } = await copy.read(Buffer.alloc(3), 0, 3, 200 * 1024 * 1024);
  assert.equal(buffer.toString(), "end");
});

test("a target that exists is left alone", async () => {
  const target = path.join(folder, "exists");
  writeFileSync(target, "precious");

  await assert.rejects(copySparse(target, target, signal), { code: "EEXIST" });

  assert.equal(readFileSync(target, "utf8"), "precious");
});

test("a failed copy and a cancelled one leave no target", async () => {
  const target = path.join(folder, "none");
  const big = path.join(folder, "big");
  writeFileSync(big, Buffer.alloc(64 * 1024 * 1024, 1));
  const cancel = new AbortController();

  await assert.rejects(copySparse(path.join(folder, "missing"), target, signal), (error) =>
    isFault(error, "linux.refused"),
  );
  assert.equal(existsSync(target), false);
  const copying = copySparse(big, target, cancel.signal);
  setImmediate(() => cancel.abort(new Error("enough")));

  await assert.rejects(copying, /enough/);
  assert.equal(existsSync(target), false);
});
