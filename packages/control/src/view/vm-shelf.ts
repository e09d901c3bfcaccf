import type { Demand } from "@serai/model/admission";
import { vmView } from "@serai/model/vm-view";
import { unseen, type VmRecord, type VmStatus } from "@serai/model/vm";

export type VmEntry = {
  record: VmRecord;
  recordRevision: number;
  status: VmStatus;
  /** 0 when nothing was noted yet. */
  statusRevision: number;
};

type Shelved = VmEntry & { json?: string };

/** The VMs in memory: by id, by name, and the sums that admission needs, all kept as they change. */
export class VmShelf {
  readonly #entries = new Map<string, Shelved>();
  readonly #byName = new Map<string, string>();
  readonly #early = new Map<string, { status: VmStatus; revision: number }>();
  #sorted: string[] | undefined;
  readonly #promised: Demand = { cpus: 0, memoryBytes: 0 };
  readonly #networkName: (id: string) => string;

  constructor(networkName: (id: string) => string) {
    this.#networkName = networkName;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(id: string): VmEntry | undefined {
    return this.#entries.get(id);
  }

  idOf(name: string): string | undefined {
    return this.#byName.get(name);
  }

  ids(): IterableIterator<string> {
    return this.#entries.keys();
  }

  entries(): IterableIterator<VmEntry> {
    return this.#entries.values();
  }

  /** Names in order; made anew only after one was added or removed. */
  names(): readonly string[] {
    this.#sorted ??= [...this.#byName.keys()].sort();
    return this.#sorted;
  }

  /** Sums of the VMs that run or are to run, without this one. */
  promised(except: string): Demand {
    const own = this.#entries.get(except);
    const sum = { ...this.#promised };
    if (own !== undefined && countsAsRunning(own)) add(sum, own, -1);
    return sum;
  }

  json(id: string): string | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    entry.json ??= JSON.stringify(vmView(entry.record, entry.status, this.#networkName));
    return entry.json;
  }

  putRecord(id: string, value: string, revision: number): void {
    const record = JSON.parse(value) as VmRecord;
    const old = this.#entries.get(id);
    if (old !== undefined) this.#forget(old);
    const early = this.#early.get(id);
    this.#early.delete(id);
    const status = old?.status ?? early?.status ?? freshStatus(record);
    const statusRevision = old?.statusRevision ?? early?.revision ?? 0;
    this.#keep({ record, recordRevision: revision, status, statusRevision });
  }

  putStatus(id: string, value: string, revision: number): void {
    const status = JSON.parse(value) as VmStatus;
    const old = this.#entries.get(id);
    if (old === undefined) {
      this.#early.set(id, { status, revision });
      return;
    }
    this.#forget(old);
    this.#keep({ record: old.record, recordRevision: old.recordRevision, status, statusRevision: revision });
  }

  remove(id: string): void {
    const old = this.#entries.get(id);
    if (old === undefined) return;
    this.#forget(old);
    this.#entries.delete(id);
    this.#byName.delete(old.record.spec.name);
    this.#sorted = undefined;
  }

  removeStatus(id: string): void {
    this.#early.delete(id);
  }

  #forget(entry: Shelved): void {
    if (countsAsRunning(entry)) add(this.#promised, entry, -1);
  }

  #keep(entry: Shelved): void {
    const { id, spec } = entry.record;
    const oldName = this.#entries.get(id)?.record.spec.name;
    if (oldName !== spec.name) {
      if (oldName !== undefined) this.#byName.delete(oldName);
      this.#byName.set(spec.name, id);
      this.#sorted = undefined;
    }
    this.#entries.set(id, entry);
    if (countsAsRunning(entry)) add(this.#promised, entry, 1);
  }
}

const freshStatus = (record: VmRecord): VmStatus => ({
  vm: record.id,
  sighting: unseen(record.id),
  restarts: 0,
  updatedAt: record.createdAt,
});

export function countsAsRunning({ record, status }: VmEntry): boolean {
  const isWanted = !record.isDeleting && (record.power === "running" || record.power === "paused");
  return isWanted || hasProcess(status);
}

export function hasProcess({ sighting }: VmStatus): boolean {
  return sighting.state !== "absent" && sighting.state !== "unknown" && sighting.state !== "suspended";
}

function add(sum: Demand, { record }: VmEntry, sign: 1 | -1): void {
  sum.cpus += sign * record.spec.cpus;
  sum.memoryBytes += sign * record.spec.memoryBytes;
}
