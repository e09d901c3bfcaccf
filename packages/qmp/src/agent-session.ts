import { randomInt } from "node:crypto";
import type { Socket } from "node:net";
import { withDeadline } from "@serai/kit/deadline";
import { Fault } from "@serai/kit/fault";
import type { AgentArguments, AgentCommandName, AgentReturns } from "./agent-commands.ts";
import { connectUnix } from "./connect-unix.ts";
import { LineFramer, LineTooLong } from "./line-framer.ts";
import { parseQmpJson, stringifyQmpJson } from "./qmp-json.ts";

/** The agent keeps up to 16 MiB each of a program's output and errors, and sends both in base64 in one line. */
const lineLimitBytes = 48 * 1024 * 1024;
/** What one call may receive, garbage included, before its guest counts as hostile. */
const callLimitBytes = 64 * 1024 * 1024;
const resyncEveryMs = 1_000;
const delimiter = 0xff;

export type AgentSessionOptions = {
  socketPath: string;
  /** Instead of the plain way: for who wants to be sure of who answers. */
  connect?: (socketPath: string, signal: AbortSignal) => Promise<Socket>;
};

/** A conversation with the agent in one guest. Outlives guest resets and agent restarts. */
export type AgentSession = AsyncDisposable & {
  /**
   * Resolves with the agent's answer; calls take turns. `timeoutMs` covers waiting, synchronising and answering.
   * Faults: `vm.agent_unavailable` when nobody answers sense in time, `vm.agent_refused` with
   * `{ class, description }` in its details. A call that ends early leaves its effect in the guest unknown.
   */
  call<K extends AgentCommandName>(
    command: K,
    args: AgentArguments<K>,
    options: { timeoutMs?: number },
    signal: AbortSignal,
  ): Promise<AgentReturns<K>>;
  /** Ends the call in progress at once: for when QEMU says that the guest was reset or closed its port. */
  interrupt(): void;
};

/** Connects at the first call, and again whenever the connection is lost. */
export function openAgentSession(options: AgentSessionOptions): AgentSession {
  return new Session(options);
}

type Reader = { line: (line: Buffer) => void; fail: (reason: unknown) => void };

/**
 *   unsynced --0xFF guest-sync-delimited, its echo--> synced --command--> unsynced --reply--> synced
 *
 * A deadline, an abort, an interrupt or a lost connection leaves the session unsynced: a late reply is then skipped
 * by the next call's synchronisation and can never be taken for the answer to something else.
 */
class Session implements AgentSession {
  readonly #socketPath: string;
  readonly #dial: NonNullable<AgentSessionOptions["connect"]>;
  readonly #framer = new LineFramer(lineLimitBytes);
  #socket: Socket | undefined;
  #reader: Reader | undefined;
  #receivedBytes = 0;
  #isSynced = false;
  #isDisposed = false;
  #lastTurn: Promise<void> = Promise.resolve();

  constructor({ socketPath, connect = connectUnix }: AgentSessionOptions) {
    this.#socketPath = socketPath;
    this.#dial = connect;
  }

  call<K extends AgentCommandName>(
    command: K,
    args: AgentArguments<K>,
    { timeoutMs = 10_000 }: { timeoutMs?: number },
    signal: AbortSignal,
  ): Promise<AgentReturns<K>> {
    const deadline = {
      ms: timeoutMs,
      code: "vm.agent_unavailable",
      message: `The guest agent did not answer ${command} within ${timeoutMs} ms; check that qemu-guest-agent runs in the guest.`,
    } as const;
    return withDeadline(deadline, signal, (inner) =>
      this.#takeTurn(inner, () => this.#exchange(command, args, inner) as Promise<AgentReturns<K>>),
    );
  }

  interrupt(): void {
    this.#isSynced = false;
    this.#reader?.fail(unavailable("The guest was reset or closed its agent's port."));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    this.#disconnect(unavailable("The VM is no longer managed here."));
    await this.#lastTurn;
  }

  async #takeTurn<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const before = this.#lastTurn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#lastTurn = promise;
    try {
      await before;
      signal.throwIfAborted();
      if (this.#isDisposed) throw unavailable("The VM is no longer managed here.");
      return await work();
    } finally {
      resolve();
    }
  }

  async #exchange(command: string, args: unknown, signal: AbortSignal): Promise<unknown> {
    const socket = await this.#connect(signal);
    this.#receivedBytes = 0;
    socket.resume();
    if (!this.#isSynced) await this.#synchronise(socket, signal);
    this.#isSynced = false;
    socket.write(`${stringifyQmpJson({ execute: command, arguments: args })}\n`);
    const reply = await this.#read(signal, readReply);
    this.#isSynced = true;
    if ("return" in reply) return reply.return;
    const { class: errorClass, desc } = reply.error;
    throw new Fault("vm.agent_refused", `The guest agent refused ${command}: ${desc}`, {
      details: { command, class: errorClass, description: desc },
    });
  }

  /**
   * Repeats itself, because a reset of the guest loses what was on its way. Only the echo of the last request will
   * do: before each echo the agent also complains about the 0xFF, and a complaint that is still to come would pass
   * for the next command's answer.
   */
  async #synchronise(socket: Socket, signal: AbortSignal): Promise<void> {
    const ids: number[] = [];
    const ask = () => {
      // Nobody reads: more of the same would only pile up in memory.
      if (ids.length > 0 && socket.writableLength > 0) return;
      const id = randomInt(1, 2 ** 47);
      ids.push(id);
      // The leading 0xFF resets the agent's parser, whatever half a command it still holds.
      socket.write(Buffer.concat([Buffer.of(delimiter), Buffer.from(syncRequest(id))]));
    };
    ask();
    const timer = setInterval(ask, resyncEveryMs);
    try {
      await this.#read(signal, (line) => {
        const echo = readSyncEcho(line);
        if (echo === undefined || !ids.includes(echo)) return undefined;
        clearInterval(timer); // somebody is there
        return echo === ids.at(-1) ? true : undefined;
      });
    } finally {
      clearInterval(timer);
      if (socket.writableLength > 64 * 1024) this.#disconnect(unavailable("The guest reads nothing."));
    }
    this.#isSynced = true;
  }

  #read<T>(signal: AbortSignal, accept: (line: Buffer) => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const onAbort = () => settle(() => reject(signal.reason));
      const settle = (finish: () => void) => {
        this.#reader = undefined;
        signal.removeEventListener("abort", onAbort);
        finish();
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#reader = {
        fail: (reason) => settle(() => reject(reason)),
        line: (line) => {
          const accepted = accept(line);
          if (accepted !== undefined) settle(() => resolve(accepted));
        },
      };
    });
  }

  async #connect(signal: AbortSignal): Promise<Socket> {
    if (this.#socket !== undefined) return this.#socket;
    const deadline = {
      ms: 2_000,
      code: "vm.agent_unavailable",
      message: "The VM has no agent channel to connect to.",
    } as const;
    const socket = await withDeadline(deadline, signal, (inner) => this.#dial(this.#socketPath, inner));
    if (this.#isDisposed) {
      socket.destroy();
      throw unavailable("The VM is no longer managed here.");
    }
    this.#isSynced = false;
    this.#framer.clear();
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#receive(socket, chunk));
    socket.on("error", () => {}); // "close" follows
    socket.on("close", () => {
      if (this.#socket === socket) this.#disconnect(unavailable("The VM closed its agent channel."));
    });
    return socket;
  }

  #disconnect(reason: Fault): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#isSynced = false;
    this.#framer.clear();
    socket?.destroy();
    this.#reader?.fail(reason);
  }

  #receive(socket: Socket, chunk: Buffer): void {
    if (socket !== this.#socket) return;
    if (this.#reader === undefined) {
      // Nothing was asked. Not reading on makes an unruly guest wait instead of us work.
      this.#isSynced = false;
      socket.pause();
      return;
    }
    this.#receivedBytes += chunk.length;
    try {
      if (this.#receivedBytes > callLimitBytes) throw new LineTooLong("too much for one call");
      for (const line of this.#framer.push(chunk)) this.#reader?.line(line);
    } catch (error) {
      if (!(error instanceof LineTooLong)) throw error;
      this.#disconnect(unavailable("The guest agent sent too much that is not an answer."));
    }
  }
}

function unavailable(sentence: string): Fault {
  return new Fault("vm.agent_unavailable", sentence);
}

function syncRequest(id: number): string {
  return `${JSON.stringify({ execute: "guest-sync-delimited", arguments: { id } })}\n`;
}

/** The number that an agent echoes after a 0xFF; whatever comes before the delimiter is from an earlier time. */
function readSyncEcho(line: Buffer): number | undefined {
  const at = line.lastIndexOf(delimiter);
  const message = at === -1 ? undefined : parseRecord(line.subarray(at + 1));
  return typeof message?.["return"] === "number" ? message["return"] : undefined;
}

type Reply = { return: unknown } | { error: { class: string; desc: string } };

/** Undefined for what cannot be an answer. */
function readReply(line: Buffer): Reply | undefined {
  const message = parseRecord(line);
  if (message === undefined) return undefined;
  if ("return" in message) return { return: message["return"] };
  const error = message["error"];
  if (typeof error !== "object" || error === null) return undefined;
  const text = (value: unknown) => String(value).slice(0, 1_000);
  return {
    error: { class: text("class" in error && error.class), desc: text("desc" in error && error.desc) },
  };
}

function parseRecord(bytes: Buffer): Record<string, unknown> | undefined {
  try {
    const value = parseQmpJson(bytes.toString("utf8"));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined; // a guest may send anything; only sense is looked at
  }
}
