import { delay, withDeadline } from "@serai/kit/deadline";
import { Fault, isFault } from "@serai/kit/fault";
import type { AgentArguments } from "./agent-commands.ts";
import type { AgentSession } from "./agent-session.ts";

/** What the guest says is checked here for shape and size, because a guest may say anything. */
export type GuestExec = {
  path: string;
  args?: readonly string[];
  env?: readonly string[];
  input?: Uint8Array;
  timeoutMs: number;
};

export type GuestExecResult = {
  /** Undefined when a signal ended the program. */
  exitCode: number | undefined;
  signal: number | undefined;
  stdout: Buffer;
  stderr: Buffer;
  /** The agent keeps 16 MiB of each and drops the rest. */
  isStdoutTruncated: boolean;
  isStderrTruncated: boolean;
};

export type GuestAddress = { address: string; family: "ipv4" | "ipv6"; prefix: number };
export type GuestInterface = { name: string; mac: string | undefined; addresses: GuestAddress[] };
export type GuestAgentInfo = { version: string; commands: string[] };

/** Resolves when the agent answers. */
export async function pingAgent(agent: AgentSession, timeoutMs: number, signal: AbortSignal): Promise<void> {
  await agent.call("guest-ping", {}, { timeoutMs }, signal);
}

/** Resolves with the agent's version and the commands it is willing to carry out. */
export async function readAgentInfo(agent: AgentSession, signal: AbortSignal): Promise<GuestAgentInfo> {
  const info = record(await agent.call("guest-info", {}, {}, signal));
  const commands = list(info["supported_commands"], 1_000).map(record);
  return {
    version: text(info["version"]),
    commands: commands
      .filter((command) => command["enabled"] === true)
      .map((command) => text(command["name"])),
  };
}

/**
 * Runs a program in the guest to its end. When the deadline passes or the signal fires, the program goes on in the
 * guest: the agent has no way to end it.
 */
export async function execInGuest(
  agent: AgentSession,
  exec: GuestExec,
  signal: AbortSignal,
): Promise<GuestExecResult> {
  const deadline = {
    ms: exec.timeoutMs,
    code: "vm.agent_unavailable",
    message: `The program did not end in the guest within ${exec.timeoutMs} ms; it may still be running there.`,
  } as const;
  return withDeadline(deadline, signal, async (inner) => {
    const { timeoutMs } = exec;
    const started = record(await agent.call("guest-exec", execArguments(exec), { timeoutMs }, inner));
    const pid = integer(started["pid"]);
    // Most programs end at once; the pauses double so that a long one costs little.
    for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 2, 500)) {
      const status = record(await agent.call("guest-exec-status", { pid }, { timeoutMs }, inner));
      if (status["exited"] === true) return execResult(status);
      await delay(pauseMs, inner);
    }
  });
}

function execArguments({ path, args, env, input }: GuestExec): AgentArguments<"guest-exec"> {
  return {
    path,
    "capture-output": true,
    ...(args && { arg: [...args] }),
    ...(env && { env: [...env] }),
    ...(input && { "input-data": Buffer.from(input).toString("base64") }),
  };
}

function execResult(status: Record<string, unknown>): GuestExecResult {
  const bytes = (value: unknown) => Buffer.from(typeof value === "string" ? value : "", "base64");
  return {
    exitCode: Number.isInteger(status["exitcode"]) ? integer(status["exitcode"]) : undefined,
    signal: Number.isInteger(status["signal"]) ? integer(status["signal"]) : undefined,
    stdout: bytes(status["out-data"]),
    stderr: bytes(status["err-data"]),
    isStdoutTruncated: status["out-truncated"] === true,
    isStderrTruncated: status["err-truncated"] === true,
  };
}

/** Resolves with the guest's own view of its network; at most 256 interfaces with 64 addresses each. */
export async function readGuestInterfaces(
  agent: AgentSession,
  signal: AbortSignal,
): Promise<GuestInterface[]> {
  const reply = await agent.call("guest-network-get-interfaces", {}, {}, signal);
  return list(reply, 256).map((item) => {
    const face = record(item);
    const mac = face["hardware-address"];
    return {
      name: text(face["name"]),
      mac: typeof mac === "string" ? text(mac) : undefined,
      addresses: list(face["ip-addresses"] ?? [], 64)
        .map(record)
        .map((address) => ({
          address: text(address["ip-address"]),
          family: address["ip-address-type"] === "ipv6" ? ("ipv6" as const) : ("ipv4" as const),
          prefix: integer(address["prefix"]),
        })),
    };
  });
}

/** Sets the guest's clock. */
export async function setGuestTime(agent: AgentSession, nowMs: number, signal: AbortSignal): Promise<void> {
  await agent.call("guest-set-time", { time: BigInt(Math.round(nowMs)) * 1_000_000n }, {}, signal);
}

/** Freezes the guest's file systems; answers how many. The caller thaws, whatever happens. */
export async function freezeGuest(
  agent: AgentSession,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<number> {
  return integer(await agent.call("guest-fsfreeze-freeze", {}, { timeoutMs }, signal));
}

export async function thawGuest(
  agent: AgentSession,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<number> {
  return integer(await agent.call("guest-fsfreeze-thaw", {}, { timeoutMs }, signal));
}

/** How long an agent that cannot shut down has to say so. One that can answers nothing and is soon gone. */
const refusalWithinMs = 1_000;

/**
 * Asks the guest to shut down or reboot. Resolves when the request was sent and not refused; that the guest obeys is
 * for QEMU's events to tell.
 */
export async function shutDownGuest(
  agent: AgentSession,
  mode: "powerdown" | "reboot",
  signal: AbortSignal,
): Promise<void> {
  await pingAgent(agent, 5_000, signal);
  try {
    await agent.call("guest-shutdown", { mode }, { timeoutMs: refusalWithinMs }, signal);
  } catch (error) {
    if (!isFault(error, "vm.agent_unavailable")) throw error;
  }
}

function nonsense(): Fault {
  return new Fault(
    "vm.agent_unavailable",
    "The guest agent's answer makes no sense; check the agent in the guest.",
  );
}

function record(value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw nonsense();
  return value as Record<string, unknown>;
}

function list(value: unknown, limit: number): unknown[] {
  if (!Array.isArray(value)) throw nonsense();
  return value.slice(0, limit);
}

function text(value: unknown): string {
  if (typeof value !== "string") throw nonsense();
  return value.slice(0, 256);
}

function integer(value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) throw nonsense();
  return value;
}
