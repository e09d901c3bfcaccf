import { spawn } from "node:child_process";

export type StepResult = { isGreen: boolean; output: string; ms: number };

export type Step = {
  command: readonly string[];
  cwd: string;
  deadlineMs: number;
  env?: Readonly<Record<string, string>>;
};

/**
 * Runs one command to its end and keeps what it wrote. The command gets a process group of its own, which
 * is killed as a whole when the deadline passes or when we are told to end, so that nothing is left behind.
 */
export async function runStep({ command, cwd, deadlineMs, env = {} }: Step): Promise<StepResult> {
  const startedMs = performance.now();
  const [file = "", ...args] = command;
  // A test runner that inherits this variable believes it runs inside a test and runs nothing.
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
  const child = spawn(file, args, {
    cwd,
    env: { ...inherited, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
  const killGroup = () => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // it ended between the look and the kill
    }
  };
  const endOnSignal = () => process.exit(130); // every step under way hears "exit"
  const timer = setTimeout(() => {
    output += `\nstopped after ${deadlineMs / 1000} s: ${command.slice(0, 6).join(" ")}\n`;
    killGroup();
  }, deadlineMs);
  process.on("exit", killGroup).on("SIGINT", endOnSignal).on("SIGTERM", endOnSignal);
  const code = await new Promise<number | null>((resolve) => {
    child.on("close", resolve);
    child.on("error", (error) => {
      output += `${error.message}\n`;
      resolve(127);
    });
  });
  clearTimeout(timer);
  process.off("exit", killGroup).off("SIGINT", endOnSignal).off("SIGTERM", endOnSignal);
  return { isGreen: code === 0, output, ms: performance.now() - startedMs };
}
