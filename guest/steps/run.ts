import { type ChildProcess, spawn } from "node:child_process";
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
export async function run(
  argv: readonly [string, ...string[]],
  options: RunOptions,
  signal: AbortSignal,
): Promise<string> {
  signal.throwIfAborted();
  const [command, ...args] = argv;
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: buildEnvironment(options.env),
    stdio: ["ignore", "pipe", "pipe"],
    detached: true, // a group of its own, so that a cancelled build leaves no grandchildren
  });
  const stdout: string[] = [];
  const tail: string[] = [];
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

  const deadline = AbortSignal.timeout(options.deadlineMs);
  const end = await ended(child, AbortSignal.any([signal, deadline]));
  signal.throwIfAborted();
  if (end === 0) return stdout.join("\n");
  const failed = `Could not ${options.purpose}`;
  if (end === "ENOENT") throw new GuestBuildFailure(`${failed}: the command "${command}" is not installed.`);
  if (deadline.aborted) throw new GuestBuildFailure(`${failed} within ${options.deadlineMs / 1000} s.`);
  throw new GuestBuildFailure(`${failed}: ${command} ended with ${end}. It said: ${lastWords(tail)}`);
}

/** Administrators' tools are used on plain files here, and an ordinary user's PATH lacks their folders. */
function buildEnvironment(extra: Record<string, string> | undefined): NodeJS.ProcessEnv {
  const path = `${process.env["PATH"] ?? "/usr/bin:/bin"}:/usr/sbin:/sbin`;
  return { ...process.env, PATH: path, LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive", ...extra };
}

/** The exit code, or the name of the signal or of the error that ended it. */
async function ended(child: ChildProcess, stop: AbortSignal): Promise<number | string> {
  const killGroup = () => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // already gone
    }
  };
  stop.addEventListener("abort", killGroup, { once: true });
  try {
    return await new Promise((resolve, reject) => {
      child.once("error", (error: NodeJS.ErrnoException) =>
        error.code ? resolve(error.code) : reject(error),
      );
      child.once("close", (exit, killedBy) => resolve(exit ?? killedBy ?? "unknown"));
    });
  } finally {
    stop.removeEventListener("abort", killGroup);
  }
}

/** The line that carries the reason: apt and mmdebstrap mark theirs with "E:", others end with it. */
function lastWords(tail: readonly string[]): string {
  const reason = tail.find((line) => /^E: |error:/i.test(line)) ?? tail.at(-1) ?? "nothing";
  return `${reason.replace(/^E: /, "").trim().slice(0, 300)}.`;
}
