import { networkView, userNetwork, type NetworkRecord, type NetworkStatus } from "@serai/model/network";
import type { VmRecord } from "@serai/model/vm";

export type NetworkEntry = { record: NetworkRecord; revision: number };

/** The networks in memory: by id and by name, with their status and the addresses that are taken. */
export class NetworkShelf {
  readonly #entries = new Map<string, NetworkEntry>();
  readonly #byName = new Map<string, string>();
  readonly #statuses = new Map<string, NetworkStatus>();
  readonly #addresses = new Map<string, Map<string, string>>();
  /** The VMs that have a NIC on each network. */
  readonly #users = new Map<string, Map<string, VmRecord>>();

  get(id: string): NetworkEntry | undefined {
    return this.#entries.get(id);
  }

  idOf(name: string): string | undefined {
    return this.#byName.get(name);
  }

  ids(): IterableIterator<string> {
    return this.#entries.keys();
  }

  entries(): IterableIterator<NetworkEntry> {
    return this.#entries.values();
  }

  names(): readonly string[] {
    return [...this.#byName.keys()].sort();
  }

  /** What clients see where a NIC names its network. */
  nameOf(id: string): string {
    return id === userNetwork ? id : (this.#entries.get(id)?.record.spec.name ?? id);
  }

  statusOf(id: string): NetworkStatus | undefined {
    return this.#statuses.get(id);
  }

  /** Address to VM. */
  addressesOf(id: string): ReadonlyMap<string, string> {
    return this.#addresses.get(id) ?? new Map();
  }

  /** The VMs with a NIC on it, those included that are being deleted. */
  usersOf(id: string): VmRecord[] {
    return [...(this.#users.get(id)?.values() ?? [])];
  }

  json(id: string): string | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    const users = this.usersOf(id).map(({ spec }) => spec.name);
    return JSON.stringify(networkView(entry.record, this.#statuses.get(id), users));
  }

  put(id: string, value: string, revision: number): void {
    const record = JSON.parse(value) as NetworkRecord;
    this.#entries.set(id, { record, revision });
    this.#byName.set(record.spec.name, id);
  }

  remove(id: string): void {
    const old = this.#entries.get(id);
    if (old !== undefined) this.#byName.delete(old.record.spec.name);
    this.#entries.delete(id);
    this.#statuses.delete(id);
  }

  putStatus(id: string, value: string): void {
    this.#statuses.set(id, JSON.parse(value) as NetworkStatus);
  }

  removeStatus(id: string): void {
    this.#statuses.delete(id);
  }

  /** `rest` is `<network>/<address>`. */
  putAddress(rest: string, vm: string): void {
    const [network, address] = splitAddress(rest);
    const taken = this.#addresses.get(network) ?? new Map<string, string>();
    this.#addresses.set(network, taken.set(address, vm));
  }

  removeAddress(rest: string): void {
    const [network, address] = splitAddress(rest);
    const taken = this.#addresses.get(network);
    taken?.delete(address);
    if (taken?.size === 0) this.#addresses.delete(network);
  }

  /** Called with each change of a VM's record. */
  noteVm(before: VmRecord | undefined, after: VmRecord | undefined): void {
    for (const network of networksOf(before)) {
      const users = this.#users.get(network);
      users?.delete(before?.id ?? "");
      if (users?.size === 0) this.#users.delete(network);
    }
    for (const network of networksOf(after)) {
      if (after === undefined) continue;
      const users = this.#users.get(network) ?? new Map<string, VmRecord>();
      this.#users.set(network, users.set(after.id, after));
    }
  }
}

/** The ids of the networks that a VM has a NIC on. */
export function networksOf(record: VmRecord | undefined): string[] {
  const ids = (record?.spec.nics ?? []).map(({ network }) => network).filter((id) => id !== userNetwork);
  return [...new Set(ids)];
}

function splitAddress(rest: string): [network: string, address: string] {
  const slash = rest.indexOf("/");
  return [rest.slice(0, slash), rest.slice(slash + 1)];
}
