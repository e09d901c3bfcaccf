import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { runStep } from "../../scripts/run-step.ts";
import { type Sandbox, sandbox } from "./sandbox.ts";

const head = 'import assert from "node:assert/strict";\nimport { describe, test } from "node:test";\n';

function runTests(machine: Sandbox, ...groups: string[]) {
  machine.file("package.json", '{ "type": "module" }\n');
  const command = [process.execPath, join(machine.root, "scripts/test.ts"), ...groups];
  return runStep({ command, cwd: machine.root, deadlineMs: 30_000 });
}

const lastLine = (text: string) => text.trim().split("\n").at(-1);

test("the last line adds up the groups; suites and parents of failed tests do not count twice", async () => {
  using machine = sandbox();
  machine.file(
    "packages/kit/tests/a.test.ts",
    `${head}describe("suite", () => {\n  test("one", () => {});\n  test("two", () => assert.fail("planted"));\n});\ntest("three", { skip: true }, () => {});\n`,
  );
  machine.file("tests/machine/b.test.ts", `${head}test("four", () => {});\n`);

  const { output, isGreen } = await runTests(machine, "services", "machine");

  assert.equal(isGreen, false);
  assert.match(output, /not ok: two\n {2}at packages\/kit\/tests\/a\.test\.ts:5[\s\S]*planted/);
  assert.match(output, /^services: 1 passed, 1 failed, 1 skipped/m);
  assert.match(output, /^machine: 1 passed, 0 failed/m);
  assert.equal(lastLine(output), "2 passed, 1 failed, 1 skipped");
});

test("green tests end with what passed, and say nothing else about it", async () => {
  using machine = sandbox();
  machine.file("tests/machine/b.test.ts", `${head}test("four", () => console.log("chatter"));\n`);

  const { output, isGreen } = await runTests(machine, "machine");

  assert.equal(isGreen, true);
  assert.doesNotMatch(output, /chatter|four/);
  assert.equal(lastLine(output), "1 passed, 0 failed");
});

test("what a failing file wrote is shown with its failure", async () => {
  using machine = sandbox();
  machine.file(
    "tests/machine/b.test.ts",
    `${head}console.log("a clue");\ntest("four", () => assert.fail());\n`,
  );

  const { output } = await runTests(machine, "machine");

  assert.match(output, /output of tests\/machine\/b\.test\.ts:\n {4}a clue/);
});

test("a run without a single test is red", async () => {
  using machine = sandbox();

  const { output, isGreen } = await runTests(machine, "machine");

  assert.equal(isGreen, false);
  assert.equal(lastLine(output), "0 passed, 0 failed");
});

test("a group that dies counts as a failure", async () => {
  using machine = sandbox();
  machine.file(
    "tests/machine/b.test.ts",
    `${head}test("four", () => process.kill(process.ppid, "SIGKILL"));\n`,
  );

  const { output, isGreen } = await runTests(machine, "machine");

  assert.equal(isGreen, false);
  assert.equal(lastLine(output), "0 passed, 1 failed");
});
