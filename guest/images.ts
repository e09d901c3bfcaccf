import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { lockFolder } from "./build-lock.ts";
import { GuestBuildFailure } from "./failure.ts";
import { checksums, type GuestImage, manifestName, readGuestImage } from "./manifest.ts";
import type { GuestRecipe } from "./recipe.ts";
import { debian12 } from "./debian-12/recipe.ts";
import { memtest86 } from "./memtest86/recipe.ts";
import { tiny } from "./tiny/recipe.ts";

const recipes: readonly GuestRecipe[] = [tiny, debian12, memtest86];
const buildDeadlineMs = 30 * 60_000;

export const guestImageNames: readonly string[] = recipes.map((recipe) => recipe.name);

export type EnsureOptions = {
  /** Where images are kept; {@link defaultOutRoot} unless given. */
  outRoot?: string;
  signal?: AbortSignal;
  onProgress?: (line: string) => void;
};

/** Where images are kept: `$SERAI_CACHE`, else the user's cache folder. */
export function defaultOutRoot(): string {
  const { SERAI_CACHE: own, XDG_CACHE_HOME: xdg } = process.env;
  return join(own ? own : join(xdg ? xdg : join(homedir(), ".cache"), "serai"), "guest");
}

/**
 * Returns the guest image of that name, building it first when this recipe has not been built
 * here before. Safe to call from many processes at once: one builds, the others wait for it. A
 * build that fails or is cancelled leaves nothing behind.
 */
export async function ensureGuestImage(name: string, options: EnsureOptions = {}): Promise<GuestImage> {
  const recipe = recipes.find((candidate) => candidate.name === name);
  if (recipe === undefined) {
    throw new GuestBuildFailure(
      `There is no guest image "${name}"; there are ${guestImageNames.join(", ")}.`,
    );
  }
  const outRoot = options.outRoot ?? defaultOutRoot();
  const dir = join(outRoot, `${name}-${await recipeHash(recipe)}`);
  const ready = await readGuestImage(dir);
  if (ready !== undefined) return ready;

  const deadline = AbortSignal.timeout(buildDeadlineMs);
  const signal = options.signal ? AbortSignal.any([options.signal, deadline]) : deadline;
  const report = (line: string) => options.onProgress?.(`${name}: ${line}`);
  await mkdir(outRoot, { recursive: true });
  await using _lock = await lockFolder(join(outRoot, `.${name}.lock`), report, signal);
  const builtMeanwhile = await readGuestImage(dir);
  if (builtMeanwhile !== undefined) return builtMeanwhile;
  await build({ recipe, dir, outRoot, report }, signal);
  const built = await readGuestImage(dir);
  if (built === undefined) throw new Error(`${dir} was built and cannot be read`);
  return built;
}

type BuildJob = { recipe: GuestRecipe; dir: string; outRoot: string; report: (line: string) => void };

async function build({ recipe, dir, outRoot, report }: BuildJob, signal: AbortSignal): Promise<void> {
  const startedAt = performance.now();
  const stagePrefix = `.${recipe.name}.building-`;
  // we hold the lock, so whatever is here was left by a build that was killed
  for (const left of await readdir(outRoot)) {
    if (left.startsWith(stagePrefix)) await rm(join(outRoot, left), { recursive: true, force: true });
  }
  const stage = join(outRoot, `${stagePrefix}${process.pid}`);
  const work = join(stage, "work");
  const out = join(stage, "out");
  try {
    await mkdir(work, { recursive: true });
    await mkdir(out);
    const made = await recipe.build({ work, out, recipe: recipeFolder(recipe), report }, signal);
    report("checksums");
    const sha256 = await checksums(out, made.files);
    const manifest = { name: recipe.name, ...made, sha256 };
    await writeFile(join(out, manifestName), `${JSON.stringify(manifest, null, 2)}\n`);
    signal.throwIfAborted();
    await rm(dir, { recursive: true, force: true }); // a damaged one, or readGuestImage had found it
    await rename(out, dir);
    report(`done in ${((performance.now() - startedAt) / 1000).toFixed(1)} s: ${dir}`);
  } catch (error) {
    if (isErrno(error, "ENOSPC")) {
      throw new GuestBuildFailure(`The disk that holds ${outRoot} is full: free some space and try again.`);
    }
    throw error;
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}

function recipeFolder(recipe: GuestRecipe): string {
  return join(import.meta.dirname, recipe.name);
}

/** Names the content of a recipe: all files in its folder and the steps it uses. */
async function recipeHash(recipe: GuestRecipe): Promise<string> {
  const folder = recipeFolder(recipe);
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  const own = found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const shared = recipe.steps.map((step) => join(import.meta.dirname, step));
  const hash = createHash("sha256");
  for (const file of [...own, ...shared].sort()) {
    hash.update(`${file.slice(import.meta.dirname.length)}\0`);
    hash.update(await readFile(file));
  }
  return hash.digest("hex").slice(0, 12);
}
