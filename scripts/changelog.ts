// Folds changes/*.md into CHANGELOG.md under a version and removes them. Usage: changelog.ts VERSION [DATE]
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const root = dirname(import.meta.dirname);
const kinds = ["added", "changed", "fixed", "removed", "security"] as const;
type Kind = (typeof kinds)[number];
type Change = { kind: Kind; text: string };

function readChange(path: string): Change {
  const text = readFileSync(path, "utf8").trim();
  const match = /^(\w+):\s*/.exec(text);
  const kind = kinds.find((name) => name === match?.[1]);
  if (match === null || kind === undefined) return { kind: "added", text };
  return { kind, text: text.slice(match[0].length) };
}

function sectionOf(version: string, date: string, changes: readonly Change[]): string {
  const groups = kinds.flatMap((kind) => {
    const items = changes.filter((change) => change.kind === kind);
    if (items.length === 0) return [];
    const title = `${kind[0]?.toUpperCase()}${kind.slice(1)}`;
    return [`### ${title}\n\n${items.map(({ text }) => `- ${text.replaceAll("\n", "\n  ")}`).join("\n")}\n`];
  });
  return `## ${version} (${date})\n\n${groups.join("\n")}`;
}

function main(): number {
  const [version, date = new Date().toISOString().slice(0, 10)] = process.argv.slice(2);
  if (version === undefined || !/^\d+\.\d+\.\d+$/.test(version)) {
    console.error("Usage: npm run changelog -- VERSION, as in 0.2.0");
    return 2;
  }
  const folder = join(root, "changes");
  const files = readdirSync(folder).filter((name) => name.endsWith(".md") && name !== "README.md");
  if (files.length === 0) {
    console.error("There is nothing in changes/ to fold.");
    return 1;
  }
  const section = sectionOf(
    version,
    date,
    files.map((name) => readChange(join(folder, name))),
  );
  const path = join(root, "CHANGELOG.md");
  const [head = "", ...older] = readFileSync(path, "utf8").split(/^(?=## )/m);
  writeFileSync(path, `${head.trim()}\n\n${[section, ...older].map((part) => part.trim()).join("\n\n")}\n`);
  for (const name of files) rmSync(join(folder, name));
  console.log(`${files.length} changes are now in CHANGELOG.md under ${version}.`);
  return 0;
}

process.exitCode = main();
