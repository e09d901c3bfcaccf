import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

type Json = Record<string, unknown>;

/** One JSON message per line over a unix socket: enough of QMP and of the agent's protocol for these tests. */
export class JsonLines {
  readonly events: Json[] = [];
  readonly #replies: Json[] = [];
  readonly #socket: Socket;
  #text = "";

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("error", () => {}); // a peer that dies shows as a reply that does not come
    socket.on("data", (bytes: Buffer) => this.#take(bytes));
  }

  static async connect(path: string, signal: AbortSignal): Promise<JsonLines> {
    for (;;) {
      signal.throwIfAborted();
      const socket = connect(path);
      const isOpen = await new Promise<boolean>((resolve) => {
        socket.once("connect", () => resolve(true));
        socket.once("error", () => resolve(false));
      });
      if (isOpen) return new JsonLines(socket);
      await delay(20, undefined, { signal });
    }
  }

  #take(bytes: Buffer): void {
    this.#text += bytes.toString("latin1").replaceAll("\xff", "\n");
    for (let end = this.#text.indexOf("\n"); end >= 0; end = this.#text.indexOf("\n")) {
      const line = this.#text.slice(0, end).trim();
      this.#text = this.#text.slice(end + 1);
      if (!line.startsWith("{")) continue;
      const message = JSON.parse(line) as Json;
      if ("event" in message) this.events.push(message);
      else if (!("QMP" in message)) this.#replies.push(message);
    }
  }

  /** Brings the guest agent's stream into step: what was asked before and not answered yet is dropped. */
  async synchronize(signal: AbortSignal): Promise<void> {
    const id = Math.floor(Math.random() * 2 ** 31);
    const sync = JSON.stringify({ execute: "guest-sync-delimited", arguments: { id } });
    this.#socket.write(Buffer.concat([Buffer.from([0xff]), Buffer.from(`${sync}\n`)]));
    const answer = () => this.#replies.splice(0).find((reply) => reply["return"] === id);
    await until(() => "the agent's synchronisation", answer, signal);
  }

  /** Sends one command and returns what it returned. */
  async call(execute: string, args: Json, signal: AbortSignal): Promise<unknown> {
    this.#replies.length = 0;
    this.#socket.write(`${JSON.stringify({ execute, arguments: args })}\n`);
    const reply = await until(
      () => `an answer to ${execute}`,
      () => this.#replies.shift(),
      signal,
    );
    if ("error" in reply) throw new Error(`${execute}: ${JSON.stringify(reply["error"])}`);
    return reply["return"];
  }

  /** Sends a command that is not answered: `guest-shutdown` ends the one who would. */
  tell(execute: string, args: Json): void {
    this.#socket.write(`${JSON.stringify({ execute, arguments: args })}\n`);
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Looks again and again until `look` finds something; the signal is the deadline. */
export async function until<T>(
  what: () => string,
  look: () => T | undefined,
  signal: AbortSignal,
): Promise<T> {
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    if (signal.aborted) throw new Error(`waited in vain for ${what()}`);
    await delay(20);
  }
}
