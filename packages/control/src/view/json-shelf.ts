/**
 * Records kept as the JSON text they are stored as, by id; ids sort by time.
 * With a limit, the oldest are forgotten (they are still in the store).
 */
export class JsonShelf {
  readonly #items = new Map<string, { json: string; revision: number }>();
  readonly #limit: number;

  constructor(limit = Infinity) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#items.size;
  }

  json(id: string): string | undefined {
    return this.#items.get(id)?.json;
  }

  revisionOf(id: string): number {
    return this.#items.get(id)?.revision ?? 0;
  }

  put(id: string, json: string, revision: number): void {
    this.#items.set(id, { json, revision });
    if (this.#items.size <= this.#limit) return;
    for (const oldest of this.#items.keys()) {
      this.#items.delete(oldest);
      break;
    }
  }

  remove(id: string): void {
    this.#items.delete(id);
  }

  /** Oldest first: a map keeps the order of insertion, and ids rise. */
  ids(): string[] {
    return [...this.#items.keys()];
  }
}
