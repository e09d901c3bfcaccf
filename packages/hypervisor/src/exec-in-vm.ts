import type { ExecRequest, ExecResult } from "@serai/model/host-request";
import { execInGuest } from "@serai/qmp/agent-calls";
import type { AgentSession } from "@serai/qmp/agent-session";

/** Runs a program in a guest as the API asks for it, and answers as the API does. */
export async function execInVm(
  agent: AgentSession,
  request: ExecRequest,
  signal: AbortSignal,
): Promise<ExecResult> {
  const [path, ...args] = request.argv as [string, ...string[]];
  const result = await execInGuest(
    agent,
    {
      path,
      args,
      timeoutMs: request.timeoutMs ?? 60_000,
      ...(request.env !== undefined && { env: request.env }),
      ...(request.inputBase64 !== undefined && { input: Buffer.from(request.inputBase64, "base64") }),
    },
    signal,
  );
  return {
    ...(result.exitCode !== undefined && { exitCode: result.exitCode }),
    ...(result.signal !== undefined && { signal: result.signal }),
    stdoutBase64: result.stdout.toString("base64"),
    stderrBase64: result.stderr.toString("base64"),
    isTruncated: result.isStdoutTruncated || result.isStderrTruncated,
  };
}
