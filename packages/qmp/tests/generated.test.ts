import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fetchQemuSchema } from "../scripts/qemu-schema.ts";
import { renderTypes } from "../scripts/render-types.ts";

const cached = path.join(
  process.env["SERAI_CACHE"] ?? path.join(homedir(), ".cache/serai"),
  "qemu10/bin/qemu-system-x86_64",
);
const sources = [
  { series: "7.2", binary: "qemu-system-x86_64", prefix: "7.2." },
  { series: "10", binary: cached, prefix: "10.0." },
];

for (const { series, binary, prefix } of sources) {
  test(`the types of QEMU ${series} are what its own schema says`, async (t) => {
    if (path.isAbsolute(binary) && !existsSync(binary)) return t.skip(`no QEMU ${series} in the cache`);
    const { version, entries } = await fetchQemuSchema(binary);
    if (!version.startsWith(prefix)) return t.skip(`${binary} is QEMU ${version}`);

    const committed = readFileSync(new URL(`../src/generated/qmp-${series}.ts`, import.meta.url), "utf8");

    assert.ok(
      committed === renderTypes(entries, series),
      `stale: run node packages/qmp/scripts/generate.ts ${binary}`,
    );
  });
}
