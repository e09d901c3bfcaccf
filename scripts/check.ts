// Everything that can be proven without booting a guest. Usage: check.ts [--root DIR] [--totals] [CHECK…]
import { existsSync, globSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { addTotals, allTestFiles, isFastTest, splitTotals, testCommand, type Totals } from "./node-tests.ts";
import { runStep, type StepResult } from "./run-step.ts";

const { values, positionals } = parseArgs({
  options: { root: { type: "string" }, totals: { type: "boolean" } },
  allowPositionals: true,
});
const home = dirname(import.meta.dirname);
const root = values.root ?? home;

type Check = {
  name: string;
  command: readonly string[];
  /** What to do about it, shown below the reason. */
  cure?: string;
};

const tool = (name: string) => join(home, "node_modules/.bin", name);
const script = (name: string) => [process.execPath, join(home, "scripts", name), root];
const projects = ["tsconfig.json", ...globSync("{apps,packages}/*/tsconfig.json", { cwd: root })];

const fastTests = { files: allTestFiles(root).filter(isFastTest), concurrency: 2, timeoutMs: 60_000 };

const checks: Check[] = [
  // the longest first: the others then fill the gaps
  { name: "tests", command: testCommand(fastTests) },
  {
    name: "checks",
    command: [process.execPath, "--test", "--test-reporter=dot", "tests/tooling/check.test.ts"],
    cure: "a planted violation was not reported: see tests/tooling/check.test.ts",
  },
  {
    name: "format",
    command: [tool("oxfmt"), "--list-different", "."],
    cure: "npm run format writes these files anew",
  },
  { name: "lint", command: [tool("oxlint"), "--type-aware", "--deny-warnings", "."] },
  ...projects.map((project) => ({
    name: project === "tsconfig.json" ? "types" : `types ${dirname(project)}`,
    command: [tool("tsc"), "-p", project, "--noEmit", "--pretty", "false"],
  })),
  { name: "rooms", command: script("check-rooms.ts") },
  { name: "lock file", command: script("check-lock.ts"), cure: "npm run lock writes it anew" },
  { name: "dead code", command: [tool("knip"), "--no-progress", "--no-config-hints"] },
  { name: "doc links", command: script("check-doc-links.ts") },
];

function isWanted({ name }: Check): boolean {
  if (name === "checks" && !existsSync(join(root, "tests/tooling/check.test.ts"))) return false;
  return positionals.length === 0 || positionals.some((wanted) => name.startsWith(wanted));
}

type Outcome = { name: string; isGreen: boolean; totals: Totals };

/** Each checker counts as one test; tests that did not run prove nothing, so they are red too. */
function judge(name: string, { isGreen, output }: StepResult): Outcome & { output: string } {
  if (name !== "tests") {
    return {
      name,
      isGreen,
      output,
      totals: { passed: Number(isGreen), failed: Number(!isGreen), skipped: 0 },
    };
  }
  const { text, totals } = splitTotals(output);
  if (totals === undefined || totals.passed + totals.failed === 0) {
    return {
      name,
      isGreen: false,
      output: `${text}\nno test ran`,
      totals: { passed: 0, failed: 1, skipped: 0 },
    };
  }
  return { name, isGreen: isGreen && totals.failed === 0, output: text, totals };
}

async function work(queue: Check[], outcomes: Outcome[]): Promise<void> {
  for (let check = queue.shift(); check !== undefined; check = queue.shift()) {
    const result = await runStep({ command: check.command, cwd: root, deadlineMs: 110_000 });
    const { output, ...outcome } = judge(check.name, result);
    outcomes.push(outcome);
    if (!outcome.isGreen) {
      const cure = check.cure === undefined ? "" : `\n(${check.cure})`;
      console.error(`\n── ${check.name} ──\n${output.trim()}${cure}`);
    }
  }
}

async function main(): Promise<number> {
  const startedMs = performance.now();
  const queue = checks.filter(isWanted);
  if (queue.length === 0) {
    const names = checks.map(({ name }) => name).join(", ");
    console.error(`No check is called ${positionals.join(", ")}: choose from ${names}.`);
    return 2;
  }
  const outcomes: Outcome[] = [];
  await Promise.all([work(queue, outcomes), work(queue, outcomes)]); // two at a time, as on the smallest machine
  const totals = addTotals(outcomes.map((outcome) => outcome.totals));
  const red = outcomes.filter(({ isGreen }) => !isGreen).map(({ name }) => name);
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  const verdict = red.length === 0 ? "all green" : `red: ${red.join(", ")}`;
  console.log(`check: ${verdict}; ${outcomes.length} checks, ${totals.passed} passed, ${seconds} s`);
  if (values.totals === true) console.log(`# totals ${JSON.stringify(totals)}`);
  return red.length === 0 ? 0 : 1;
}

process.exitCode = await main();
