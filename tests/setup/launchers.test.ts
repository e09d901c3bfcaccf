import assert from "node:assert/strict";
import { cpSync, mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { sandbox } from "./sandbox.ts";

const home = dirname(dirname(import.meta.dirname));

test("./serai works through a link from anywhere, and passes its arguments on", async () => {
  using machine = sandbox();
  cpSync(join(home, "serai"), join(machine.root, "serai"));
  machine.file("apps/cli/src/main.ts", "console.log(JSON.stringify(process.argv.slice(2)));\n");
  await machine.run("scripts/setup");
  mkdirSync(join(machine.root, "elsewhere"));
  symlinkSync(join(machine.root, "serai"), join(machine.root, "elsewhere/serai"));

  const { code, stdout } = await machine.run("elsewhere/serai", ["vm", "ls", "a b"]);

  assert.equal(code, 0);
  assert.equal(stdout, '["vm","ls","a b"]\n');
});

test("./serai before set-up says what to run", async () => {
  using machine = sandbox();
  cpSync(join(home, "serai"), join(machine.root, "serai"));

  const { code, stderr } = await machine.run("serai");

  assert.equal(code, 1);
  assert.match(stderr, /^Serai is not set up yet: run npm run setup in \S+\.\n$/);
});

test("an unknown benchmark lists those that exist", async () => {
  using machine = sandbox();
  machine.file("bench/start.ts", "");
  machine.file("bench/api.ts", "");

  const { code, stderr } = await machine.run("scripts/bench", ["nothing"]);

  assert.equal(code, 2);
  assert.match(stderr, /There are: api start/);
});

test("a benchmark's last line on stdout is its own, also when set-up has something to say", async () => {
  using machine = sandbox();
  machine.file("bench/start.ts", 'console.log(JSON.stringify({ bench: "start", figures: {} }));\n');

  const { code, stdout } = await machine.run("scripts/bench", ["start"]);

  assert.equal(code, 0);
  assert.equal(stdout, '{"bench":"start","figures":{}}\n');
});
