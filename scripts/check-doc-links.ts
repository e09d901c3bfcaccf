// Reports every relative link in a Markdown file that leads nowhere. Usage: check-doc-links.ts [ROOT]
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { sourceFiles } from "./source-files.ts";

const root = process.argv[2] ?? process.cwd();

/** The anchor that GitHub gives a heading. */
function anchorOf(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replace(/\s/g, "-");
}

/** The text with code blocks and code spans blanked, so that examples are not taken for links. */
function proseOf(text: string): string {
  return text
    .replace(/^(```|~~~)[\s\S]*?^\1/gm, (block) => block.replace(/[^\n]/g, " "))
    .replace(/`[^`\n]*`/g, (span) => " ".repeat(span.length));
}

function anchorsOf(path: string): Set<string> {
  const text = readFileSync(join(root, path), "utf8").replace(/^(```|~~~)[\s\S]*?^\1/gm, "");
  return new Set([...text.matchAll(/^#{1,6}\s+(.+)$/gm)].map((match) => anchorOf(match[1] ?? "")));
}

type Link = { from: string; target: string; line: number };

function linksOf(path: string): Link[] {
  const prose = proseOf(readFileSync(join(root, path), "utf8"));
  const patterns = [/\]\(\s*<?([^)\s>]+)>?[^)]*\)/g, /^\[[^\]]+\]:\s*(\S+)/gm, /\b(?:href|src)="([^"]+)"/g];
  return patterns.flatMap((pattern) =>
    [...prose.matchAll(pattern)].map((match) => ({
      from: path,
      target: match[1] ?? "",
      line: prose.slice(0, match.index).split("\n").length,
    })),
  );
}

function problemOf({ from, target }: Link): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return undefined; // another site; not ours to keep alive
  const [file = "", anchor] = target.split("#");
  const path = file === "" ? from : normalize(join(dirname(from), decodeURIComponent(file)));
  if (path.startsWith("..")) return "leaves the repository";
  if (!existsSync(join(root, path))) return `there is no ${path}`;
  if (anchor === undefined || !path.endsWith(".md") || !statSync(join(root, path)).isFile()) return undefined;
  return anchorsOf(path).has(anchor.toLowerCase()) ? undefined : `${path} has no heading #${anchor}`;
}

const documents = sourceFiles(root).filter((path) => path.endsWith(".md"));
const links = documents.flatMap(linksOf);
const problems = links.flatMap((link) => {
  const problem = problemOf(link);
  return problem === undefined ? [] : [`${link.from}:${link.line}: (${link.target}): ${problem}`];
});
if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
console.log(`${links.length} links in ${documents.length} documents`);
