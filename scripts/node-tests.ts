import { globSync } from "node:fs";
import { join } from "node:path";

export type Totals = { passed: number; failed: number; skipped: number };

export type TestRun = {
  /** Test files, relative to the root. */
  files: readonly string[];
  concurrency: number;
  timeoutMs: number;
};

/** Every test file below the root, sorted, without anything that is installed or built. */
export function allTestFiles(root: string): string[] {
  const pattern = "{packages,apps,guest,bench,scripts,tests}/**/*.test.{ts,tsx}";
  return globSync(pattern, { cwd: root, exclude: ["**/node_modules/**", "**/dist/**"] }).toSorted();
}

/** Fast tests sit beside the file that they test; the others live in folders of their own. */
export function isFastTest(path: string): boolean {
  return !/(^|\/)(tests|e2e)\//.test(path);
}

/** The command that runs test files with the quiet reporter under our own Node. */
export function testCommand({ files, concurrency, timeoutMs }: TestRun): string[] {
  return [
    process.execPath,
    "--test",
    `--test-reporter=${join(import.meta.dirname, "test-reporter.ts")}`,
    `--test-concurrency=${concurrency}`,
    `--test-timeout=${timeoutMs}`,
    ...files,
  ];
}

/** Splits the reporter's output into what a person should read and the totals; no totals means it died. */
export function splitTotals(output: string): { text: string; totals: Totals | undefined } {
  const match = /^# totals (\{.*\})$/m.exec(output);
  if (match === null) return { text: output, totals: undefined };
  const text = output.replace(match[0], "").trim();
  return { text, totals: JSON.parse(match[1] ?? "{}") as Totals };
}

export function addTotals(list: readonly Totals[]): Totals {
  const sum = (part: keyof Totals) => list.reduce((total, totals) => total + totals[part], 0);
  return { passed: sum("passed"), failed: sum("failed"), skipped: sum("skipped") };
}
