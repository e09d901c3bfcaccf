import { readFile, rm, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

const lookAgainMs = 200;

/**
 * Holds a lock file until disposed; waits while a living process holds it. The lock of a dead
 * process is taken over. Two waiters may, in a narrow race, both take over: that costs a second
 * build and nothing else, because a finished image appears by rename.
 */
export async function lockFolder(
  path: string,
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<AsyncDisposable> {
  const mine = `${process.pid} ${await startTime(process.pid)}`;
  let told = false;
  for (;;) {
    signal.throwIfAborted();
    try {
      await writeFile(path, mine, { flag: "wx" });
      return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const holder = await readFile(path, "utf8").catch(() => undefined);
    // empty: its owner is between creating and writing it
    if (holder !== undefined && holder !== "" && !(await isAlive(holder))) {
      await rm(path, { force: true });
      continue;
    }
    if (!told) report(`waiting for process ${holder?.split(" ")[0] ?? "?"}, which builds it already`);
    told = true;
    await delay(lookAgainMs, undefined, { signal });
  }
}

async function isAlive(holder: string): Promise<boolean> {
  const [pid, started] = holder.split(" ");
  const now = await startTime(Number(pid));
  return now !== undefined && now === started;
}

/** When a process started, in clock ticks: tells it from a later one with the same number. */
async function startTime(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
}
