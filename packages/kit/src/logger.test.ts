import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

/** What a process that runs `script` with a logger says on stderr. */
function linesOf(script: string, level: string): Record<string, unknown>[] {
  const program = `import { createLogger } from ${JSON.stringify(join(import.meta.dirname, "logger.ts"))};
    const logger = createLogger("test"); ${script}`;
  const { stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    env: { SERAI_LOG: level },
    encoding: "utf8",
  });
  return stderr
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("each line is an object with level, name, fields and message", () => {
  const [first, second, ...rest] = linesOf(
    `logger.info("one"); logger.warn({ vm: "a" }, "two"); logger.debug("three");`,
    "info",
  );

  assert.deepEqual([first?.["level"], first?.["name"], first?.["msg"]], [30, "test", "one"]);
  assert.deepEqual([second?.["level"], second?.["vm"], second?.["msg"]], [40, "a", "two"]);
  assert.deepEqual(rest, []);
});

test("secrets are left out at any depth, and errors are shown with their stack", () => {
  const [line] = linesOf(
    `logger.error({ token: "t", user: { password: "p", name: "ann" }, err: new Error("no") }, "x");`,
    "info",
  );

  assert.doesNotMatch(JSON.stringify(line), /"t"|"p"/);
  assert.deepEqual(line?.["user"], { name: "ann" });
  assert.match(JSON.stringify(line?.["err"]), /"message":"no","stack":"Error: no/);
});

test("what cannot be written as JSON is still told", () => {
  assert.equal(linesOf(`const a = {}; a.a = a; logger.info({ a }, "round");`, "info")[0]?.["msg"], "round");
});

test("silent says nothing", () => {
  assert.deepEqual(linesOf(`logger.error("x");`, "silent"), []);
});
