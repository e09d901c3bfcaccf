import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { GuestBuildFailure } from "../failure.ts";

export type RunOptions = {
  cwd?: string;
  env?: Record<string, string>;
  deadlineMs: number;
  /** Called for every line of output, both streams. */
  onLine?: (line: string) => void;
  /** What the failed command was for: completes "could not ...". */
  purpose: string;
};

const keptLines = 12;

/**
 * Runs a command to its end and returns its standard output.
 * Kills the command's whole process group when the signal fires or the deadline passes.
 */
export async function run(argv: readonly [string, ...string[]], options: RunOptions, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  const [command, ...args] = argv;
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive", ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true, // a group of its own, so that a cancelled build leaves no grandchildren
  });
  const stdout: string[] = [];
  const tail: string[] = [];
  let timedOut = false;
  const killGroup = () => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // already gone
    }
  };
  const timer = setTimeout(() => {
    timedOut = true;
    killGroup();
  }, options.deadlineMs);
  signal.addEventListener("abort", killGroup, { once: true });
  const keep = (line: string) => {
    tail.push(line);
    if (tail.length > keptLines) tail.shift();
    options.onLine?.(line);
  };
  createInterface({ input: child.stdout }).on("line", (line) => {
    stdout.push(line);
    keep(line);
  });
  createInterface({ input: child.stderr }).on("line", keep);
  try {
    const code = await new Promise<number | string>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (exit, killedBy) => resolve(exit ?? killedBy ?? "unknown"));
    });
    signal.throwIfAborted();
    if (timedOut) {
      throw new GuestBuildFailure(`Could not ${options.purpose} within ${options.deadlineMs / 1000} s.`);
    }
    if (code !== 0) {
      throw new GuestBuildFailure(
        `Could not ${options.purpose}: ${command} ended with ${code}. It said: ${lastWords(tail)}`,
      );
    }
    return stdout.join("\n");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      throw new GuestBuildFailure(`Could not ${options.purpose}: the command "${command}" is not installed.`);
    }
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", killGroup);
  }
}

/** The lines that carry the reason: apt and mmdebstrap mark theirs with "E:", others end with it. */
function lastWords(tail: readonly string[]): string {
  const marked = tail.filter((line) => /^E: |error:/i.test(line));
  const words = (marked.length > 0 ? marked : tail.slice(-3)).join("; ").trim();
  return words === "" ? "nothing." : words;
}
