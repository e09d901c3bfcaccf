import type { Socket } from "node:net";
import { withDeadline } from "@serai/kit/deadline";
import { Fault } from "@serai/kit/fault";
import { connectUnix } from "./connect-unix.ts";
import { EventFanOut } from "./event-fan-out.ts";
import { LineFramer, LineTooLong } from "./line-framer.ts";
import { readLiveSchema, type LiveSchema, type SchemaCache } from "./live-schema.ts";
import { PendingCalls } from "./pending-calls.ts";
import { parseQmpJson, stringifyQmpJson } from "./qmp-json.ts";
import type { QmpArguments, QmpCommandName, QmpEvent, QmpGreeting, QmpReturns } from "./qmp-types.ts";

/** Larger than any honest answer (the whole schema is 0.25 MB), small enough to survive from a hostile QEMU. */
const lineLimitBytes = 64 * 1024 * 1024;
const defaultTimeoutMs = 30_000;

export type QmpSessionOptions = ({ socketPath: string } | { socket: Socket }) & {
  /** QEMU's last lines on stderr, asked for when the session ends. */
  stderrTail?: () => string | Promise<string>;
  /** Hears every event from the first byte on. */
  onEvent?: (event: QmpEvent) => void;
  /** Share one between sessions so that each QEMU build is asked for its schema once. */
  schemaCache?: SchemaCache;
  /** How long connecting, greeting and capabilities may take together. */
  openTimeoutMs?: number;
};

export type ExecuteOptions = {
  timeoutMs?: number;
  /** Overtakes queued commands; QEMU allows it for a few commands only (migrate-pause, yank, …). */
  isOutOfBand?: boolean;
};

/** Why a session is over: we closed it, QEMU did, or it broke the protocol. */
export type SessionEnd = { reason: "disposed" | "closed" | "broken"; fault: Fault };

/** A conversation with one QEMU monitor. Calls run concurrently; all of them end when the session does. */
export type QmpSession = AsyncDisposable & {
  readonly greeting: QmpGreeting;
  /**
   * Resolves with QEMU's answer. Faults: `qmp.refused` with `{ class, description }` in its details, `qmp.timeout`,
   * `qmp.closed`. After an abort or a timeout QEMU may still carry the command out; its answer is dropped.
   */
  execute<K extends QmpCommandName>(
    command: K,
    args: QmpArguments<K>,
    options: ExecuteOptions,
    signal: AbortSignal,
  ): Promise<QmpReturns<K>>;
  /** Every event from this call on. Ends with the session; throws the signal's reason when it is aborted. */
  events(signal: AbortSignal): AsyncIterable<QmpEvent>;
  /** Calls `listener` at once for every event; answers how to stop it. */
  onEvent(listener: (event: QmpEvent) => void): () => void;
  schema(signal: AbortSignal): Promise<LiveSchema>;
  /** True if this QEMU has the command, by its own word. */
  supports(command: QmpCommandName, signal: AbortSignal): Promise<boolean>;
  /** Resolves, never rejects, when the session is over. */
  readonly ended: Promise<SessionEnd>;
};

/** Connects (retrying until QEMU listens), greets, turns on out-of-band execution where there is any. */
export function openQmpSession(options: QmpSessionOptions, signal: AbortSignal): Promise<QmpSession> {
  const deadline = {
    ms: options.openTimeoutMs ?? 10_000,
    code: "qmp.timeout",
    message: "QEMU did not greet on its monitor in time; another client may hold it.",
  } as const;
  return withDeadline(deadline, signal, async (inner) => {
    const socket = "socket" in options ? options.socket : await connectUnix(options.socketPath, inner);
    const session = new Session(socket, options);
    const onAbort = () => void session.end("disposed", "its opening was cancelled");
    if (inner.aborted) onAbort();
    inner.addEventListener("abort", onAbort, { once: true });
    try {
      await session.negotiate(inner);
      return session;
    } catch (error) {
      await session[Symbol.asyncDispose]();
      throw error;
    } finally {
      inner.removeEventListener("abort", onAbort);
    }
  });
}

class Session implements QmpSession {
  readonly #socket: Socket;
  readonly #options: QmpSessionOptions;
  readonly #framer = new LineFramer(lineLimitBytes);
  readonly #calls: PendingCalls;
  readonly #fanOut: EventFanOut<QmpEvent>;
  readonly #greeted = Promise.withResolvers<QmpGreeting>();
  readonly #ended = Promise.withResolvers<SessionEnd>();
  #greeting: QmpGreeting | undefined;
  #end: Promise<void> | undefined;
  #fault: Fault | undefined;

  constructor(socket: Socket, options: QmpSessionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#calls = new PendingCalls((line) => socket.write(line));
    this.#fanOut = new EventFanOut(
      () => new Fault("qmp.overflow", "QEMU's events came faster than they were read."),
    );
    this.#greeted.promise.catch(() => {}); // negotiate reports it; a session may end before it looks
    if (options.onEvent !== undefined) this.#fanOut.listen(options.onEvent);
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("error", () => {}); // "close" follows, and says all there is to say
    socket.on("close", () => void this.end("closed", "QEMU closed its monitor"));
    if (socket.destroyed) void this.end("closed", "QEMU closed its monitor");
  }

  get greeting(): QmpGreeting {
    if (this.#greeting === undefined) throw new Error("The session has not been greeted.");
    return this.#greeting;
  }

  get ended(): Promise<SessionEnd> {
    return this.#ended.promise;
  }

  async negotiate(signal: AbortSignal): Promise<void> {
    const greeting = await this.#greeted.promise;
    const enable = greeting.capabilities.includes("oob") ? { enable: ["oob" as const] } : {};
    await this.execute("qmp_capabilities", enable, {}, signal);
  }

  async execute<K extends QmpCommandName>(
    command: K,
    args: QmpArguments<K>,
    { timeoutMs = defaultTimeoutMs, isOutOfBand = false }: ExecuteOptions,
    signal: AbortSignal,
  ): Promise<QmpReturns<K>> {
    if (this.#end !== undefined) {
      await this.#end;
      throw this.#fault;
    }
    const verb = isOutOfBand ? "exec-oob" : "execute";
    const line = (id: number) => `${stringifyQmpJson({ [verb]: command, arguments: args, id })}\n`;
    return (await this.#calls.start({ command, timeoutMs, isOutOfBand, line }, signal)) as QmpReturns<K>;
  }

  events(signal: AbortSignal): AsyncIterable<QmpEvent> {
    return this.#fanOut.subscribe(signal);
  }

  onEvent(listener: (event: QmpEvent) => void): () => void {
    return this.#fanOut.listen(listener);
  }

  schema(signal: AbortSignal): Promise<LiveSchema> {
    const cache = (this.#options.schemaCache ??= new Map());
    const { major, minor, micro, package: build } = this.greeting.version;
    const key = `${major}.${minor}.${micro} ${build}`;
    // Sessions share the answer, so no single caller's signal may end the question.
    const asked =
      cache.get(key) ??
      this.execute("query-qmp-schema", {}, {}, new AbortController().signal).then(readLiveSchema);
    cache.set(key, asked);
    asked.catch(() => cache.delete(key)); // the next caller asks again
    const deadline = {
      ms: defaultTimeoutMs,
      code: "qmp.timeout",
      message: "QEMU did not tell what it can do in time.",
    } as const;
    return withDeadline(deadline, signal, () => asked);
  }

  async supports(command: QmpCommandName, signal: AbortSignal): Promise<boolean> {
    return (await this.schema(signal)).hasCommand(command);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("disposed", "its session was closed");
  }

  /** The first reason wins. Every pending call gets the same fault. */
  end(reason: SessionEnd["reason"], sentence: string): Promise<void> {
    this.#end ??= this.#finish(reason, sentence);
    return this.#end;
  }

  async #finish(reason: SessionEnd["reason"], sentence: string): Promise<void> {
    this.#socket.destroy();
    this.#framer.clear();
    const tail = reason === "disposed" ? "" : await stderrTail(this.#options.stderrTail);
    const fault = new Fault(
      "qmp.closed",
      `The conversation with QEMU is over: ${sentence}.${tail && ` Its last words: ${tail}`}`,
      {
        details: { reason },
      },
    );
    this.#fault = fault;
    this.#greeted.reject(fault);
    this.#calls.endAll(fault);
    this.#fanOut.end();
    this.#ended.resolve({ reason, fault });
  }

  #receive(chunk: Buffer): void {
    try {
      for (const line of this.#framer.push(chunk)) {
        if (this.#end !== undefined) return;
        const message = readMessage(line);
        if (message !== undefined) this.#handle(message);
      }
    } catch (error) {
      // These two are the peer's doing; anything else is a bug of ours and must be seen.
      if (!(error instanceof NotQmp || error instanceof LineTooLong)) throw error;
      void this.end("broken", `it sent what is not QMP (${error.message.slice(0, 120)})`);
    }
  }

  #handle(message: Record<string, unknown>): void {
    if ("event" in message) return this.#fanOut.publish(readEvent(message));
    if ("QMP" in message) return this.#greet(message["QMP"]);
    if ("return" in message) return this.#calls.take(message["id"])?.resolve(message["return"]);
    if ("error" in message) return this.#refuse(message);
    throw new NotQmp("a message is neither greeting, reply nor event");
  }

  #greet(greeting: unknown): void {
    this.#greeting ??= readGreeting(greeting);
    this.#greeted.resolve(this.#greeting);
  }

  #refuse({ id, error }: Record<string, unknown>): void {
    if (!isRecord(error)) throw new NotQmp("an error is not an object");
    // An error without an id answers bytes that QEMU could not read; which call they were is not known.
    if (id === undefined) throw new NotQmp(`QEMU could not read a command: ${String(error["desc"])}`);
    const call = this.#calls.take(id);
    call?.reject(
      new Fault(
        "qmp.refused",
        `QEMU refused ${call.command}: ${String(error["desc"])}.`.replace(/\.\.$/, "."),
        {
          details: {
            command: call.command,
            class: String(error["class"]),
            description: String(error["desc"]),
          },
        },
      ),
    );
  }
}

class NotQmp extends Error {}

/** Undefined for an empty line. */
function readMessage(line: Buffer): Record<string, unknown> | undefined {
  const text = line.toString("utf8").trim();
  if (text === "") return undefined;
  let message: unknown;
  try {
    message = parseQmpJson(text);
  } catch (error) {
    throw new NotQmp(error instanceof Error ? error.message : "unreadable", { cause: error });
  }
  if (!isRecord(message)) throw new NotQmp("a message is not an object");
  return message;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readGreeting(value: unknown): QmpGreeting {
  const version = isRecord(value) && isRecord(value["version"]) ? value["version"] : {};
  const qemu = isRecord(version["qemu"]) ? version["qemu"] : {};
  const capabilities = isRecord(value) && Array.isArray(value["capabilities"]) ? value["capabilities"] : [];
  return {
    version: {
      major: Number(qemu["major"]),
      minor: Number(qemu["minor"]),
      micro: Number(qemu["micro"]),
      package: String(version["package"] ?? ""),
    },
    capabilities: capabilities.filter((name) => typeof name === "string"),
  };
}

function readEvent(message: Record<string, unknown>): QmpEvent {
  const stamp = isRecord(message["timestamp"]) ? message["timestamp"] : {};
  const timestampMs = Number(stamp["seconds"]) * 1000 + Math.trunc(Number(stamp["microseconds"]) / 1000);
  // The event's data is trusted to have its schema's shape; a consumer that acts on a guest's data checks it.
  return { event: message["event"], data: message["data"] ?? {}, timestampMs } as QmpEvent;
}

/** QEMU's last words often arrive just after its socket closes; they are worth one short wait. */
async function stderrTail(ask: QmpSessionOptions["stderrTail"]): Promise<string> {
  if (ask === undefined) return "";
  await new Promise((resolve) => setImmediate(resolve));
  const { promise: late, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(() => resolve(""), 200);
  const text = await Promise.race([ask(), late]);
  clearTimeout(timer);
  return text.trim();
}
