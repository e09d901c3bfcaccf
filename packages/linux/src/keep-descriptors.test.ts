import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

const module = join(import.meta.dirname, "keep-descriptors.ts");

test("a file that our own starter left open does not reach what we start", () => {
  const look = (call: string) =>
    `import { execFileSync } from "node:child_process";
     const { keepDescriptorsToOurselves } = await import(process.argv[1]);
     ${call}
     process.stdout.write(execFileSync("/bin/ls", ["/proc/self/fd"], { encoding: "utf8" }));`;
  const run = (call: string) =>
    execFileSync(
      "/bin/bash",
      [
        "-c",
        'exec 99</dev/null; exec "$0" --input-type=module-typescript -e "$1" "$2"',
        process.execPath,
        look(call),
        module,
      ],
      {
        encoding: "utf8",
      },
    ).split("\n");

  assert.ok(run("").includes("99"), "Node lets it through");
  assert.ok(!run("keepDescriptorsToOurselves();").includes("99"));
});
