import type { Socket } from "node:net";
import { Duplex } from "node:stream";

const historyBytes = 64 * 1024;
/** What one reader may have unread. Beyond it bytes are skipped and counted: the guest never waits for a reader. */
const unreadBytes = 256 * 1024;

/** Shares a guest's serial port, which QEMU gives to one client only, between any number of readers and writers. */
export class SerialHub implements Disposable {
  readonly #socket: Socket;
  readonly #readers = new Set<Reader>();
  #history: Buffer[];
  #historyLength: number;

  /** `history` is what the guest wrote before; `onBytes` hears how much came. */
  constructor(socket: Socket, history: Buffer, onBytes: (count: number) => void) {
    this.#socket = socket;
    this.#history = [history];
    this.#historyLength = history.length;
    socket.on("data", (chunk: Buffer) => {
      this.#remember(chunk);
      for (const reader of this.#readers) reader.offer(chunk);
      onBytes(chunk.length);
    });
    socket.on("error", () => {}); // "close" follows
    socket.on("close", () => this[Symbol.dispose]());
  }

  /** A stream that begins with the recent past. What is written to it goes to the guest. */
  open(signal: AbortSignal): Duplex {
    signal.throwIfAborted();
    const reader = new Reader(this.#socket, () => {
      this.#readers.delete(reader);
      signal.removeEventListener("abort", onAbort);
    });
    const onAbort = () => void reader.destroy();
    signal.addEventListener("abort", onAbort, { once: true });
    if (this.#historyLength > 0) reader.offer(Buffer.concat(this.#history));
    if (this.#socket.destroyed) reader.finish();
    else this.#readers.add(reader);
    return reader;
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
    for (const reader of this.#readers) reader.finish();
    this.#readers.clear();
  }

  #remember(chunk: Buffer): void {
    this.#history.push(chunk);
    this.#historyLength += chunk.length;
    // Trimmed at twice its size, so that a byte is moved once and not with every chunk; many small ones cost an object each.
    if (this.#historyLength < 2 * historyBytes && this.#history.length < 256) return;
    const all = Buffer.concat(this.#history);
    this.#history = [Buffer.from(all.subarray(-historyBytes))];
    this.#historyLength = this.#history[0]?.length ?? 0;
  }
}

class Reader extends Duplex {
  readonly #guest: Socket;
  readonly #onClose: () => void;
  #skippedBytes = 0;

  constructor(guest: Socket, onClose: () => void) {
    super({ allowHalfOpen: true, readableHighWaterMark: 64 * 1024 });
    this.#guest = guest;
    this.#onClose = onClose;
    this.on("error", () => {}); // whoever uses it listens for its own sake; the daemon must not fall
  }

  offer(chunk: Buffer): void {
    if (this.destroyed || this.readableEnded) return;
    if (this.readableLength + chunk.length > unreadBytes) {
      this.#skippedBytes += chunk.length;
      return;
    }
    if (this.#skippedBytes > 0) this.push(`\r\n[${this.#skippedBytes} bytes were skipped]\r\n`);
    this.#skippedBytes = 0;
    this.push(chunk);
  }

  finish(): void {
    this.push(null);
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#guest.destroyed) done(new Error("the VM has ended"));
    else this.#guest.write(chunk, done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#onClose();
    done(error);
  }
}
