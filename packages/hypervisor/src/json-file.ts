import { readFileSync, renameSync, writeFileSync } from "node:fs";

/** Replaces the file in one step: a reader sees the old content or the new one, also after a crash of ours. */
export function writeJsonFile(file: string, value: unknown): void {
  const part = `${file}.part`;
  writeFileSync(part, JSON.stringify(value), { mode: 0o600 });
  renameSync(part, file);
}

/** Undefined when there is none. One that is no JSON was being written when the machine lost power: none, too. */
export function readJsonFile(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
