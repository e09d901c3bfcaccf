import { securityGroupView, type SecurityGroupRecord } from "@serai/model/security-group";

export type SecurityGroupEntry = { record: SecurityGroupRecord; revision: number };

/** The security groups in memory: by id and by name. */
export class SecurityGroupShelf {
  readonly #entries = new Map<string, SecurityGroupEntry>();
  readonly #byName = new Map<string, string>();

  get(id: string): SecurityGroupEntry | undefined {
    return this.#entries.get(id);
  }

  idOf(name: string): string | undefined {
    return this.#byName.get(name);
  }

  ids(): IterableIterator<string> {
    return this.#entries.keys();
  }

  entries(): IterableIterator<SecurityGroupEntry> {
    return this.#entries.values();
  }

  names(): readonly string[] {
    return [...this.#byName.keys()].sort();
  }

  json(id: string): string | undefined {
    const entry = this.#entries.get(id);
    return entry && JSON.stringify(securityGroupView(entry.record));
  }

  put(id: string, value: string, revision: number): void {
    const record = JSON.parse(value) as SecurityGroupRecord;
    this.#entries.set(id, { record, revision });
    this.#byName.set(record.spec.name, id);
  }

  remove(id: string): void {
    const old = this.#entries.get(id);
    if (old !== undefined) this.#byName.delete(old.record.spec.name);
    this.#entries.delete(id);
  }
}
