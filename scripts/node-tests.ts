import { globSync } from "node:fs";
import { join } from "node:path";

export type Totals = { passed: number; failed: number; skipped: number };

export type TestRun = {
  root: string;
  /** Globs of test files, relative to the root. */
  patterns: readonly string[];
  concurrency: number;
  timeoutMs: number;
};

/** Test files that the patterns name now, sorted, without anything that is installed or built. */
export function testFiles(root: string, patterns: readonly string[]): string[] {
  const found = patterns.flatMap((pattern) =>
    globSync(pattern, { cwd: root, exclude: ["**/node_modules/**", "**/dist/**", "**/.cache/**"] }),
  );
  return [...new Set(found)].toSorted();
}

/** The command that runs test files with the quiet reporter under our own Node. */
export function testCommand({ root, patterns, concurrency, timeoutMs }: TestRun): string[] {
  return [
    process.execPath,
    "--test",
    `--test-reporter=${join(import.meta.dirname, "test-reporter.ts")}`,
    `--test-concurrency=${concurrency}`,
    `--test-timeout=${timeoutMs}`,
    ...testFiles(root, patterns),
  ];
}

/** Splits the reporter's output into what a person should read and the totals; no totals means it died. */
export function splitTotals(output: string): { text: string; totals: Totals | undefined } {
  const match = /^# totals (\{.*\})$/m.exec(output);
  if (match === null) return { text: output, totals: undefined };
  const text = output.replace(match[0], "").trim();
  return { text, totals: JSON.parse(match[1] ?? "{}") as Totals };
}
