const newline = 0x0a;

export class LineTooLong extends Error {}

/**
 * Cuts a byte stream into lines whatever its chunk boundaries. A line longer than `limitBytes` throws
 * {@link LineTooLong}: the peer is not trusted, and an endless line must not eat our memory.
 */
export class LineFramer {
  readonly #limitBytes: number;
  #parts: Buffer[] = [];
  #heldBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Bytes of the unfinished line. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Yields each line that this chunk completes, without its newline. */
  *push(chunk: Buffer): Generator<Buffer> {
    let from = 0;
    for (;;) {
      const at = chunk.indexOf(newline, from);
      const piece = chunk.subarray(from, at === -1 ? undefined : at);
      if (this.#heldBytes + piece.length > this.#limitBytes) {
        this.clear();
        throw new LineTooLong(`a line is longer than ${this.#limitBytes} bytes`);
      }
      if (at === -1) {
        if (piece.length > 0) this.#hold(piece);
        return;
      }
      yield this.#take(piece);
      from = at + 1;
    }
  }

  clear(): void {
    this.#parts = [];
    this.#heldBytes = 0;
  }

  /** Many tiny chunks would cost an object each; merging when they pile up keeps the overhead bounded. */
  #hold(piece: Buffer): void {
    this.#parts.push(piece);
    this.#heldBytes += piece.length;
    if (this.#parts.length >= 1024) this.#parts = [Buffer.concat(this.#parts)];
  }

  #take(last: Buffer): Buffer {
    if (this.#heldBytes === 0) return last;
    const line = Buffer.concat([...this.#parts, last]);
    this.clear();
    return line;
  }
}
