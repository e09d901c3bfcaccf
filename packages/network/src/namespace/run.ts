import { spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { closeSync, constants, openSync, unlinkSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Fault } from "@serai/kit/fault";
import { inNetNamespace, type NetNamespace } from "@serai/linux/net-namespace";

export const safeEnvironment = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LC_ALL: "C",
};

export type ToolResult = { exitCode: number; stdout: string; stderr: string };

const deadlineMs = 30_000;
const maxOutput = 4 * 1024 * 1024;

export type Tool = {
  argv: readonly [string, ...string[]];
  /** What the tool reads as `inputFile`. */ input?: string;
};

/** Where a tool finds its input: tools that open /dev/stdin fail on Node's pipes, which are sockets. */
export const inputFile = "/proc/self/fd/3";

/** Runs a tool inside the namespace. Rejects when it cannot be started, is aborted or too slow. */
export function runIn(namespace: NetNamespace, tool: Tool, signal: AbortSignal): Promise<ToolResult> {
  signal.throwIfAborted();
  const [program, ...args] = tool.argv;
  const inputFd = tool.input === undefined ? undefined : namelessFile(tool.input);
  try {
    const child = inNetNamespace(namespace, () =>
      spawn(program, args, {
        stdio: ["ignore", "pipe", "pipe", inputFd ?? "ignore"],
        env: safeEnvironment,
        timeout: deadlineMs,
        killSignal: "SIGKILL",
        signal,
      }),
    );
    return resultOf(child);
  } finally {
    if (inputFd !== undefined) closeSync(inputFd);
  }
}

function resultOf(child: ChildProcess): Promise<ToolResult> {
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8").on("data", (chunk: string) => {
      if (output[name].length < maxOutput) output[name] += chunk;
    });
  }
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ exitCode: code ?? 128, ...output }));
  });
}

/** Runs it and throws `network.setup_failed` unless it succeeds. `what` completes "could not …". */
async function mustRunIn(
  namespace: NetNamespace,
  tool: Tool,
  what: string,
  signal: AbortSignal,
): Promise<void> {
  const { exitCode, stderr } = await runIn(namespace, tool, signal);
  if (exitCode === 0) return;
  throw new Fault("network.setup_failed", `This host could not ${what}.`, {
    cause: new Error(`${tool.argv.join(" ")}: exit ${exitCode}: ${stderr.slice(0, 2000)}`),
  });
}

/** A file without a name, so that not even a crash leaves it behind. */
function namelessFile(text: string): number {
  const name = join(tmpdir(), `serai-${randomUUID()}`);
  const fd = openSync(name, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
  unlinkSync(name);
  writeSync(fd, text);
  return fd;
}

/** Loads rules in one transaction: all of them, or the kernel keeps what it had. */
export const loadRules = (namespace: NetNamespace, rules: string, signal: AbortSignal): Promise<void> =>
  mustRunIn(namespace, { argv: ["nft", "-f", inputFile], input: rules }, "load its packet filter", signal);

/** Runs lines of `ip` or `tc` commands; the first that fails ends it. */
export async function runBatch(
  namespace: NetNamespace,
  { program, lines, what }: { program: "ip" | "tc"; lines: readonly string[]; what: string },
  signal: AbortSignal,
): Promise<void> {
  if (lines.length === 0) return;
  const input = `${lines.join("\n")}\n`;
  await mustRunIn(namespace, { argv: [program, "-batch", inputFile], input }, what, signal);
}
