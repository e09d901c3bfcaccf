/**
 * Writes src/generated/ from the schemas of the QEMU binaries it is given, or of the installed one.
 * Usage: node packages/qmp/scripts/generate.ts [qemu-binary …]
 */
import { writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { fetchQemuSchema } from "./qemu-schema.ts";
import { renderTypes } from "./render-types.ts";

const series = [
  { isOfSeries: (version: string) => version.startsWith("7.2."), name: "7.2" },
  { isOfSeries: (version: string) => version.startsWith("10.0."), name: "10" },
];

const binaries = process.argv.length > 2 ? process.argv.slice(2) : ["qemu-system-x86_64"];
for (const binary of binaries) {
  const { version, entries } = await fetchQemuSchema(binary);
  const found = series.find(({ isOfSeries }) => isOfSeries(version));
  if (found === undefined)
    throw new Error(`${binary} is QEMU ${version}; types are kept for 7.2 and 10.0 only.`);
  const file = fileURLToPath(new URL(`../src/generated/qmp-${found.name}.ts`, import.meta.url));
  writeFileSync(file, renderTypes(entries, found.name));
  process.stdout.write(`${file}: from QEMU ${version}\n`);
}
