import type { ControlUser } from "./control-user.ts";
import { openCodeCache } from "./code-cache.ts";

/**
 * How our own processes are run so that they stay small: a short young generation, code compiled for size and kept
 * in a cache (which also spares them the type stripper), and one heap for all threads of C code.
 */
export const leanFlags = [
  "--disable-warning=ExperimentalWarning",
  "--max-semi-space-size=1",
  "--optimize-for-size",
  // Node 26.10 replaces some hot loops while they run by wrong ones: a counter shared with a closure was lost.
  "--no-use-osr",
] as const;

/** The host's own work is small and rare; without the optimizing compiler it takes 5 MiB less. */
const hostFlags = [...leanFlags, "--no-opt"] as const;

const marks = ["NODE_COMPILE_CACHE", "MALLOC_ARENA_MAX"] as const;

export function leanEnvironment(
  name: "host" | "control",
  user: ControlUser | undefined,
): Record<string, string> {
  const cache = openCodeCache(name, user);
  return { MALLOC_ARENA_MAX: "1", ...(cache !== undefined && { NODE_COMPILE_CACHE: cache }) };
}

/**
 * Puts this process in its lean form in place, under the same process id; returns when it has it already. However
 * somebody started us, we end up the same.
 */
export function becomeLean(script: string): void {
  const isLean = hostFlags.every((flag) => process.execArgv.includes(flag));
  if (!isLean && process.execve !== undefined) {
    const env = { ...process.env, ...leanEnvironment("host", undefined) };
    process.execve(process.execPath, [process.argv0, ...hostFlags, script, ...process.argv.slice(2)], env);
  }
  // Meant for this process, not for what it starts.
  for (const mark of marks) delete process.env[mark];
}
