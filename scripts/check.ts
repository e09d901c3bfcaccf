// Everything that can be proven without booting a guest. Usage: check.ts [--root DIR] [CHECK…]
import { existsSync, globSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { splitTotals, testCommand, testFiles } from "./node-tests.ts";
import { runStep, type StepResult } from "./run-step.ts";

const { values, positionals } = parseArgs({ options: { root: { type: "string" } }, allowPositionals: true });
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

const fastTests = {
  root,
  patterns: ["{packages,apps}/*/src/**/*.test.{ts,tsx}", "{guest,bench,scripts}/**/*.test.ts"],
  concurrency: 2,
  timeoutMs: 20_000,
};

const checks: Check[] = [
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
  { name: "dead code", command: [tool("knip"), "--no-progress", "--no-config-hints"] },
  { name: "doc links", command: script("check-doc-links.ts") },
  { name: "tests", command: testCommand(fastTests) },
  {
    name: "checks",
    command: [process.execPath, "--test", "--test-reporter=dot", "tests/tooling/check.test.ts"],
    cure: "a planted violation was not reported: see tests/tooling/check.test.ts",
  },
];

function isWanted({ name }: Check): boolean {
  if (name === "checks" && !existsSync(join(root, "tests/tooling/check.test.ts"))) return false;
  return positionals.length === 0 || positionals.some((wanted) => name.startsWith(wanted));
}

/** Tests that did not run prove nothing, so they are as red as tests that failed. */
function judgeTests(result: StepResult): StepResult & { count: number } {
  const { text, totals } = splitTotals(result.output);
  const count = totals?.passed ?? 0;
  const isGreen = result.isGreen && totals?.failed === 0 && count > 0;
  return { ...result, isGreen, count, output: isGreen || text !== "" ? text : "no test ran" };
}

const startedMs = performance.now();
const queue = checks.filter(isWanted);
const wanted = queue.length;
const red: string[] = [];
let testCount = 0;

async function work(): Promise<void> {
  for (let check = queue.shift(); check !== undefined; check = queue.shift()) {
    const result = await runStep({ command: check.command, cwd: root, deadlineMs: 110_000 });
    const judged = check.name === "tests" ? judgeTests(result) : { ...result, count: 0 };
    testCount += judged.count;
    if (judged.isGreen) continue;
    red.push(check.name);
    console.error(`\n── ${check.name} ──\n${judged.output.trim()}${check.cure ? `\n(${check.cure})` : ""}`);
  }
}

if (wanted === 0) {
  console.error(
    `No check is called ${positionals.join(", ")}: choose from ${checks.map((c) => c.name).join(", ")}.`,
  );
  process.exit(2);
}
// The longest ones start first where it matters little; two at a time suits the smallest machine we serve.
await Promise.all([work(), work()]);
const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
const tests = testFiles(root, fastTests.patterns).length > 0 ? `, ${testCount} tests` : "";
if (red.length > 0) {
  console.error(`\ncheck: ${red.length} of ${wanted} red (${red.join(", ")}), ${seconds} s`);
  process.exit(1);
}
console.log(`check: ${wanted} green${tests}, ${seconds} s`);
