import { snapshotView, type SnapshotRecord } from "@serai/model/snapshot";

export type SnapshotEntry = { record: SnapshotRecord; revision: number };

/** The snapshots in memory: by id, and by VM. */
export class SnapshotShelf {
  readonly #entries = new Map<string, SnapshotEntry>();
  readonly #byVm = new Map<string, Set<string>>();

  get(id: string): SnapshotEntry | undefined {
    return this.#entries.get(id);
  }

  ids(): IterableIterator<string> {
    return this.#entries.keys();
  }

  /** Oldest first. */
  of(vm: string): SnapshotEntry[] {
    const entries = [...(this.#byVm.get(vm) ?? [])].flatMap((id) => this.#entries.get(id) ?? []);
    return entries.sort((a, b) => (a.record.createdAt < b.record.createdAt ? -1 : 1));
  }

  /** The one that is being taken, reverted to or deleted; there is at most one per VM. */
  busyOf(vm: string): SnapshotEntry | undefined {
    return this.of(vm).find(({ record }) => record.phase !== "ready");
  }

  json(id: string): string | undefined {
    const entry = this.#entries.get(id);
    return entry && JSON.stringify(snapshotView(entry.record));
  }

  put(id: string, value: string, revision: number): void {
    const record = JSON.parse(value) as SnapshotRecord;
    this.#entries.set(id, { record, revision });
    const ids = this.#byVm.get(record.vm) ?? new Set();
    this.#byVm.set(record.vm, ids.add(id));
  }

  remove(id: string): void {
    const vm = this.#entries.get(id)?.record.vm;
    this.#entries.delete(id);
    if (vm === undefined) return;
    const ids = this.#byVm.get(vm);
    ids?.delete(id);
    if (ids?.size === 0) this.#byVm.delete(vm);
  }
}
