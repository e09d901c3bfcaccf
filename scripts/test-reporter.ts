/**
 * A reporter for node:test that is silent about what passes.
 *
 * It prints each failure with its reason and what the failing file wrote, and as the last line
 * `# totals {"passed":…}`, which `run-tests.ts` adds up. The runner's own counters are not used:
 * they count suites as tests.
 */
import { relative, resolve } from "node:path";
import type { EventData } from "node:test";
import type { TestEvent } from "node:test/reporters";

type Totals = { passed: number; failed: number; skipped: number };

const keptOutputChars = 20_000;

function placeOf(data: EventData.TestFail): string {
  if (data.file === undefined) return data.name;
  return `${relative(process.cwd(), data.file)}:${data.line ?? 0}`;
}

/** The whole chain of causes: node:test wraps what was thrown in an error of its own. */
function reasonOf(error: unknown): string {
  const thrown = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (!(thrown instanceof Error)) return String(thrown);
  const cause = thrown.cause === undefined ? "" : `\ncaused by: ${reasonOf(thrown.cause)}`;
  return `${thrown.stack ?? thrown.message}${cause}`;
}

function indent(text: string): string {
  return text.replace(/^/gm, "    ");
}

export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const totals: Totals = { passed: 0, failed: 0, skipped: 0 };
  const output = new Map<string, string>();
  const failedFiles = new Set<string>();
  for await (const event of source) {
    switch (event.type) {
      case "test:pass":
        if (event.data.details.type === "suite") break;
        if (event.data.skip !== undefined || event.data.todo !== undefined) totals.skipped++;
        else totals.passed++;
        break;
      case "test:fail":
        if (event.data.todo !== undefined) totals.skipped++;
        else if (isOwnFailure(event.data)) {
          totals.failed++;
          if (event.data.file !== undefined) failedFiles.add(resolve(event.data.file));
          yield `not ok: ${event.data.name}\n  at ${placeOf(event.data)}\n${indent(reasonOf(event.data.details.error))}\n`;
        }
        break;
      case "test:stdout":
      case "test:stderr": {
        const { message } = event.data;
        const file = resolve(event.data.file); // the runner names files relatively here, absolutely elsewhere
        output.set(file, ((output.get(file) ?? "") + message).slice(-keptOutputChars));
        break;
      }
      default: // nothing else decides or explains a result
        break;
    }
  }
  for (const file of failedFiles) {
    const text = output.get(file)?.trim();
    if (text) yield `output of ${relative(process.cwd(), file)}:\n${indent(text)}\n`;
  }
  yield `# totals ${JSON.stringify(totals)}\n`;
}

/** A parent fails because a child failed; counting both would count one fault twice. */
function isOwnFailure(data: EventData.TestFail): boolean {
  const error = data.details.error as Error & { failureType?: string };
  return error.failureType !== "subtestsFailed";
}
