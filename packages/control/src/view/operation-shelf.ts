import { isEnded, type Operation } from "@serai/model/operation";

type Shelved = { json: string; revision: number; target: string; operation?: Operation };

/** Operations in memory: as JSON, and the open ones also by what they are about. */
export class OperationShelf {
  readonly #items = new Map<string, Shelved>();
  readonly #open = new Map<string, Map<string, Operation>>();

  get size(): number {
    return this.#items.size;
  }

  has(id: string): boolean {
    return this.#items.has(id);
  }

  json(id: string): string | undefined {
    return this.#items.get(id)?.json;
  }

  get(id: string): Operation | undefined {
    const item = this.#items.get(id);
    return item && (item.operation ?? (JSON.parse(item.json) as Operation));
  }

  revisionOf(id: string): number {
    return this.#items.get(id)?.revision ?? 0;
  }

  targetOf(id: string): string | undefined {
    return this.#items.get(id)?.target;
  }

  isOpen(id: string): boolean {
    return this.#items.get(id)?.operation !== undefined;
  }

  /** The operations on a target that have not ended, oldest first. */
  openOn(target: string): Operation[] {
    return [...(this.#open.get(target)?.values() ?? [])];
  }

  openTargets(): IterableIterator<string> {
    return this.#open.keys();
  }

  put(id: string, json: string, revision: number): void {
    const operation = JSON.parse(json) as Operation;
    const target = operation.target.id;
    const hasEnded = isEnded(operation);
    this.#items.set(id, { json, revision, target, ...(!hasEnded && { operation }) });
    if (hasEnded) return this.#close(id, target);
    const open = this.#open.get(target) ?? new Map<string, Operation>();
    open.set(id, operation);
    this.#open.set(target, open);
  }

  remove(id: string): void {
    const item = this.#items.get(id);
    if (item !== undefined) this.#close(id, item.target);
    this.#items.delete(id);
  }

  #close(id: string, target: string): void {
    const open = this.#open.get(target);
    open?.delete(id);
    if (open?.size === 0) this.#open.delete(target);
  }

  /** Oldest first: a map keeps the order of insertion, and ids rise. */
  ids(): string[] {
    return [...this.#items.keys()];
  }
}
