// Reports every import that the table in rooms.ts does not allow. Usage: check-rooms.ts [ROOT]
import { readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join, normalize } from "node:path";
import { rooms, type RoomRule } from "./rooms.ts";
import { sourceFiles } from "./source-files.ts";

type Manifest = {
  name?: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
};

type Room = { folder: string; rule: RoomRule | "any"; declared: ReadonlySet<string>; own: string };
type Import = { from: string; specifier: string; line: number };

const root = process.argv[2] ?? process.cwd();
const sourcePattern = /\.(ts|tsx|mts)$/;

// A declaration starts a line, so that prose and strings inside a line are not mistaken for one.
const importPatterns = [
  /^[ \t]*(?:import|export)\b[^;"'`]*?\bfrom\s*["']([^"']+)["']/gm,
  /^[ \t]*import\s*["']([^"']+)["']/gm,
  /\bimport\s*\(\s*["']([^"']+)["']\s*[,)]/g,
  /\bimport\.meta\.resolve\s*\(\s*["']([^"']+)["']\s*\)/g,
];

function importsOf(path: string): Import[] {
  const text = readFileSync(join(root, path), "utf8");
  return importPatterns.flatMap((pattern) =>
    [...text.matchAll(pattern)].map((match) => ({
      from: path,
      specifier: match[1] ?? "",
      line: text.slice(0, match.index + match[0].length).split("\n").length,
    })),
  );
}

function isTestFile(path: string): boolean {
  return /\.test\.tsx?$|-contract\.ts$|\/tests\/|^tests\/|\/e2e\/|\.config\.ts$/.test(path);
}

function readManifest(folder: string): Manifest | undefined {
  try {
    return JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")) as Manifest;
  } catch {
    return undefined; // root folders such as tests/ have no manifest of their own
  }
}

const rootManifest = readManifest(".") ?? {};

function roomOf(path: string): Room | undefined {
  const folder = Object.keys(rooms).find((name) => path.startsWith(`${name}/`));
  const rule = folder === undefined ? undefined : rooms[folder];
  if (folder === undefined || rule === undefined) return undefined;
  const manifest = readManifest(folder) ?? {};
  const declared = new Set([
    ...Object.keys(manifest.dependencies ?? {}),
    ...(isTestFile(path) ? Object.keys(manifest.devDependencies ?? {}) : []),
    ...(isTestFile(path) || !folder.includes("/") ? Object.keys(rootManifest.devDependencies ?? {}) : []),
  ]);
  return { folder, rule, declared, own: manifest.name ?? "" };
}

function packageName(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

/** Says what is wrong with one import, or nothing. */
function fault(room: Room, { from, specifier }: Import): string | undefined {
  if (specifier.startsWith(".")) {
    const target = normalize(join(dirname(from), specifier));
    if (target.startsWith(`${room.folder}/`) || room.rule === "any" || room.folder === "scripts")
      return undefined;
    return `leaves ${room.folder} by a relative path; import another room as @serai/NAME/file`;
  }
  if (specifier.startsWith("@serai/")) return roomFault(room, from, packageName(specifier));
  if (isBuiltin(specifier)) {
    if (room.rule === "any" || room.rule.isPure !== true || isTestFile(from)) return undefined;
    if (room.rule.nodeFiles?.includes(from)) return undefined;
    return `${room.folder} may not use Node's modules: ${room.rule.reason}`;
  }
  const name = packageName(specifier);
  if (room.declared.has(name) || room.rule === "any") return undefined;
  return `${name} is not among the dependencies in ${room.folder}/package.json`;
}

function roomFault(room: Room, from: string, name: string): string | undefined {
  const target = name.replace("@serai/", "");
  if (name === room.own || room.rule === "any") return undefined;
  if (!room.rule.rooms.includes(target) && !(isTestFile(from) && room.declared.has(name))) {
    const allowed = room.rule.rooms.join(", ") || "no other room";
    return `${room.folder} may import ${allowed}: ${room.rule.reason}`;
  }
  if (room.declared.has(name)) return undefined;
  return `${name} is not among the dependencies in ${room.folder}/package.json`;
}

const files = sourceFiles(root).filter((path) => sourcePattern.test(path));
const problems: string[] = [];
for (const path of files) {
  const room = roomOf(path);
  if (room === undefined) {
    if (/^(packages|apps)\//.test(path)) problems.push(`${path}: no such room in scripts/rooms.ts`);
    continue;
  }
  for (const found of importsOf(path)) {
    const message = fault(room, found);
    if (message !== undefined) problems.push(`${path}:${found.line}: "${found.specifier}": ${message}`);
  }
}

if (files.length === 0) problems.push("no source file was found: the checker itself is broken");
if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
console.log(`${files.length} files`);
