import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

test("a file that our own starter left open does not reach what we start", () => {
  const look = (call: string) =>
    `import { execFileSync } from "node:child_process";
     import { keepDescriptorsToOurselves } from "${import.meta.dirname}/keep-descriptors.ts";
     ${call}
     process.stdout.write(execFileSync("/bin/ls", ["/proc/self/fd"], { encoding: "utf8" }));`;
  const run = (call: string) =>
    execFileSync(
      "/bin/bash",
      [
        "-c",
        'exec 99</dev/null; exec "$0" --input-type=module-typescript -e "$1"',
        process.execPath,
        look(call),
      ],
      {
        encoding: "utf8",
      },
    ).split("\n");

  assert.ok(run("").includes("99"), "Node lets it through");
  assert.ok(!run("keepDescriptorsToOurselves();").includes("99"));
});
