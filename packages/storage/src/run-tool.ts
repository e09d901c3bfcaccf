import { spawn } from "node:child_process";

export type ToolResult = { exitCode: number; stdout: string; stderr: string };

export type ToolOptions = {
  /** Whole run, then SIGKILL. */
  deadlineMs: number;
  /** Drop root for `nobody`, or for `user`, before the tool opens anything. */
  isUnprivileged?: boolean;
  user?: { uid: number; gid: number };
  maxMemoryBytes?: number;
  /** No file that it writes may grow beyond this. */
  maxFileBytes?: number;
};

const maxOutputBytes = 1024 * 1024;

/**
 * Runs a tool that may read hostile input: clean environment, no stdin, memory, CPU and core limits,
 * no new privileges. Resolves with its exit code; rejects when it cannot be started, is aborted or too slow.
 */
export function runTool(
  argv: readonly [string, ...string[]],
  options: ToolOptions,
  signal: AbortSignal,
): Promise<ToolResult> {
  const limits = ["prlimit", "--core=0", `--cpu=${Math.ceil(options.deadlineMs / 1000) + 1}`];
  if (options.maxMemoryBytes !== undefined) limits.push(`--as=${options.maxMemoryBytes}`);
  if (options.maxFileBytes !== undefined) limits.push(`--fsize=${options.maxFileBytes}`);
  const { uid, gid } = options.user ?? { uid: 65534, gid: 65534 };
  const drop =
    options.isUnprivileged === true && process.getuid?.() === 0
      ? [
          "setpriv",
          `--reuid=${uid}`,
          `--regid=${gid}`,
          "--clear-groups",
          "--no-new-privs",
          "--bounding-set=-all",
        ]
      : ["setpriv", "--no-new-privs"];
  const [program, ...args] = [...limits, ...drop, ...argv] as [string, ...string[]];
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
    });
    let reason: unknown;
    const stop = (why: unknown) => {
      reason = why;
      child.kill("SIGKILL");
    };
    const timer = setTimeout(
      () => stop(new Error(`${argv[0]} did not finish within ${options.deadlineMs} ms`)),
      options.deadlineMs,
    );
    const onAbort = () => stop(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    const output = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (chunk: string) => {
        if (output[name].length < maxOutputBytes) output[name] += chunk;
      });
    }
    const settle = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    };
    child.on("error", (error) => {
      settle();
      reject(error);
    });
    child.on("close", (code) => {
      settle();
      if (reason !== undefined) reject(reason);
      else resolve({ exitCode: code ?? 128, ...output });
    });
  });
}
