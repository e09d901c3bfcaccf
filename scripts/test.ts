// Every test there is, group by group. Usage: test.ts [GROUP…]
import { dirname } from "node:path";
import { addTotals, allTestFiles, isFastTest, splitTotals, testCommand, type Totals } from "./node-tests.ts";
import { runStep } from "./run-step.ts";

const root = dirname(import.meta.dirname);
const minuteMs = 60_000;

type Group = { name: string; pattern: RegExp; concurrency: number; timeoutMs: number; deadlineMs: number };

/** In this order; a file belongs to the first group whose pattern it matches. Guests share two cores badly. */
const groups: readonly Group[] = [
  {
    name: "services",
    pattern: /^(packages|apps)\/[^/]+\/tests\//,
    concurrency: 2,
    timeoutMs: 5 * minuteMs,
    deadlineMs: 25 * minuteMs,
  },
  {
    name: "set-up",
    pattern: /^tests\/setup\//,
    concurrency: 2,
    timeoutMs: minuteMs,
    deadlineMs: 8 * minuteMs,
  },
  {
    name: "guests",
    pattern: /^guest\//,
    concurrency: 1,
    timeoutMs: 5 * minuteMs,
    deadlineMs: 14 * minuteMs,
  },
  {
    name: "machine",
    pattern: /^tests\/machine\//,
    concurrency: 1, // twenty guests at once need both cores
    timeoutMs: 8 * minuteMs,
    deadlineMs: 25 * minuteMs,
  },
  {
    name: "console",
    pattern: /\/e2e\//,
    concurrency: 1,
    timeoutMs: 2 * minuteMs,
    deadlineMs: 10 * minuteMs,
  },
  { name: "whole", pattern: /^tests\//, concurrency: 1, timeoutMs: 5 * minuteMs, deadlineMs: 10 * minuteMs },
];

type Outcome = { totals: Totals; text: string };

/** A group that says nothing about its tests has failed, whatever else it says. */
function judge(output: string, isGreen: boolean): Outcome {
  const { text, totals } = splitTotals(output);
  if (totals === undefined) return { text, totals: { passed: 0, failed: 1, skipped: 0 } };
  if (!isGreen && totals.failed === 0) return { text, totals: { ...totals, failed: 1 } };
  return { text, totals };
}

async function runGroup(name: string, command: readonly string[], deadlineMs: number): Promise<Totals> {
  const { output, isGreen, ms } = await runStep({ command, cwd: root, deadlineMs });
  const { text, totals } = judge(output, isGreen);
  if (totals.failed > 0) console.log(text);
  console.log(`${name}: ${sentence(totals)}, ${(ms / 1000).toFixed(0)} s`);
  return totals;
}

function sentence({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

async function main(): Promise<number> {
  const wanted = process.argv.slice(2);
  const isWanted = (name: string) => wanted.length === 0 || wanted.includes(name);
  const outcomes: Totals[] = [];
  if (isWanted("check")) {
    outcomes.push(await runGroup("check", [process.execPath, "scripts/check.ts", "--totals"], 8 * minuteMs));
  }
  // tests/tooling belongs to check, which has run it
  let rest = allTestFiles(root).filter((path) => !isFastTest(path) && !path.startsWith("tests/tooling/"));
  for (const { name, pattern, deadlineMs, ...how } of groups) {
    const files = rest.filter((path) => pattern.test(path));
    rest = rest.filter((path) => !pattern.test(path));
    if (!isWanted(name) || files.length === 0) continue;
    console.log(`▸ ${name}: ${files.length} files…`);
    outcomes.push(await runGroup(name, testCommand({ files, ...how }), deadlineMs));
  }
  const totals = addTotals(outcomes);
  if (totals.passed + totals.failed === 0)
    console.log("No test ran: that proves nothing, so it counts as a failure.");
  console.log(sentence(totals));
  return totals.failed === 0 && totals.passed > 0 ? 0 : 1;
}

process.exitCode = await main();
