import { spawn, type SpawnOptions } from "node:child_process";
import { join } from "node:path";

export const launcher = join(import.meta.dirname, "../../serai");

export type CliResult = { exitCode: number | null; stdout: string; stderr: string };
export type CliOptions = { input?: string; env?: Record<string, string>; uid?: number };

/** Runs the launcher as a person would, without a terminal. */
export function runCli(
  args: readonly string[],
  { input = "", env = {}, uid }: CliOptions = {},
): Promise<CliResult> {
  const options: SpawnOptions = {
    env: { PATH: process.env["PATH"], HOME: "/nonexistent", ...env },
    timeout: 180_000,
    ...(uid !== undefined && { uid, gid: uid }),
  };
  return new Promise((resolve, reject) => {
    const child = spawn(launcher, args, options);
    const result: CliResult = { exitCode: null, stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name]?.setEncoding("utf8").on("data", (chunk: string) => (result[name] += chunk));
    }
    child.once("error", reject);
    child.once("close", (code) => resolve({ ...result, exitCode: code }));
    child.stdin?.on("error", () => {}); // it may end without reading its input
    child.stdin?.end(input);
  });
}
