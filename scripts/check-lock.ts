// Reports what would make `npm ci` on a fresh clone fail or differ. Usage: check-lock.ts [--complete] [ROOT]
//
// npm leaves packages of other platforms out of the lock file when the registry in use does not have them,
// and newer versions of npm then refuse that lock file. --complete writes the entries that are left out:
// they are never installed here, so they need no content.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual, parseArgs } from "node:util";
import { sourceFiles } from "./source-files.ts";

type Names = Record<string, string>;
type Manifest = { dependencies?: Names; devDependencies?: Names; optionalDependencies?: Names };
type Locked = Manifest & { dev?: boolean; hasInstallScript?: boolean };
type Lock = { packages: Record<string, Locked> };

const { values, positionals } = parseArgs({
  options: { complete: { type: "boolean" } },
  allowPositionals: true,
});
const root = positionals[0] ?? process.cwd();
const lockPath = join(root, "package-lock.json");

/** Their install scripts only pick a binary that the package brings along; they are not run. */
const knownScripts = new Set(["node_modules/koffi"]);

function manifestProblems(lock: Lock): string[] {
  const manifests = sourceFiles(root).filter((path) =>
    /^((packages|apps)\/[^/]+\/)?package\.json$/.test(path),
  );
  return manifests.flatMap((path) => {
    const manifest = JSON.parse(readFileSync(join(root, path), "utf8")) as Manifest;
    const locked = lock.packages[path.replace(/\/?package\.json$/, "")];
    const kinds = ["dependencies", "devDependencies", "optionalDependencies"] as const;
    return kinds
      .filter((kind) => !isDeepStrictEqual(manifest[kind] ?? {}, locked?.[kind] ?? {}))
      .map((kind) => `${path}: ${kind} differ from the lock file`);
  });
}

type Missing = { name: string; version: string; by: Locked };

function missingPlatforms(lock: Lock): Missing[] {
  return Object.entries(lock.packages)
    .filter(([path]) => path.startsWith("node_modules/"))
    .flatMap(([path, by]) =>
      Object.entries(by.optionalDependencies ?? {})
        .filter(([name]) => !isLocked(lock, path, name))
        .map(([name, version]) => ({ name, version, by })),
    );
}

function isLocked(lock: Lock, path: string, name: string): boolean {
  return `node_modules/${name}` in lock.packages || `${path}/node_modules/${name}` in lock.packages;
}

/** The entry of a package that is for another platform, which its name tells. */
function entryOf({ name, version, by }: Missing): Locked {
  const match =
    /(android|darwin|freebsd|linux|netbsd|openbsd|openharmony|win32)-([a-z0-9]+)(?:-([a-z]+))?$/.exec(name);
  if (match === null)
    throw new Error(`${name} is missing from the lock file, and its name tells no platform`);
  const [, os = "", cpu = "", abi] = match;
  if (os === "linux" && ["x64", "arm64"].includes(cpu) && abi !== "musl") {
    throw new Error(`${name} is missing from the lock file, and Serai needs it: the registry must have it`);
  }
  const libc = os !== "linux" ? {} : { libc: [abi === "musl" || abi === "musleabihf" ? "musl" : "glibc"] };
  const entry = { version, cpu: [cpu], ...(by.dev && { dev: true }), ...libc, optional: true, os: [os] };
  return entry as Locked;
}

function scriptProblems(lock: Lock): string[] {
  return Object.entries(lock.packages)
    .filter(([path, { hasInstallScript }]) => hasInstallScript === true && !knownScripts.has(path))
    .map(([path]) => `${path} has an install script, which is not run: does it work without?`);
}

function complete(lock: Lock): void {
  for (const missing of missingPlatforms(lock))
    lock.packages[`node_modules/${missing.name}`] = entryOf(missing);
  const byPath = Object.entries(lock.packages).toSorted(([a], [b]) => (a < b ? -1 : 1));
  writeFileSync(lockPath, `${JSON.stringify({ ...lock, packages: Object.fromEntries(byPath) }, null, 2)}\n`);
}

function main(): number {
  if (!existsSync(lockPath)) {
    console.error("There is no package-lock.json.");
    return 1;
  }
  const lock = JSON.parse(readFileSync(lockPath, "utf8")) as Lock;
  if (values.complete === true) complete(lock);
  const missing = missingPlatforms(lock).map(({ name }) => `${name} is missing from the lock file`);
  const problems = [...manifestProblems(lock), ...missing, ...scriptProblems(lock)];
  for (const problem of problems) console.error(problem);
  return problems.length === 0 ? 0 : 1;
}

process.exitCode = main();
