import { spawn } from "node:child_process";

export type StepResult = { isGreen: boolean; output: string; ms: number };

export type Step = { command: readonly string[]; cwd: string; deadlineMs: number };

/** Runs one command to its end and keeps what it wrote; a command past its deadline is killed and red. */
export async function runStep({ command, cwd, deadlineMs }: Step): Promise<StepResult> {
  const startedMs = performance.now();
  const [file = "", ...args] = command;
  // A test runner that inherits this variable believes it runs inside a test and runs nothing.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = spawn(file, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
  const timer = setTimeout(() => {
    output += `\nstopped after ${deadlineMs / 1000} s: ${command.join(" ")}\n`;
    child.kill("SIGKILL");
  }, deadlineMs);
  const code = await new Promise<number | null>((resolve) => {
    child.on("close", resolve);
    child.on("error", (error) => {
      output += `${error.message}\n`;
      resolve(127);
    });
  });
  clearTimeout(timer);
  return { isGreen: code === 0, output, ms: performance.now() - startedMs };
}
