import type { Change, Store, WatchBatch } from "@serai/store/store";
import { Fault } from "@serai/kit/fault";
import { AccessShelf } from "./access-shelf.ts";
import { ImageShelf } from "./image-shelf.ts";
import { JsonShelf } from "./json-shelf.ts";
import { NetworkShelf } from "./network-shelf.ts";
import { OperationShelf } from "./operation-shelf.ts";
import { SecurityGroupShelf } from "./security-group-shelf.ts";
import { SnapshotShelf } from "./snapshot-shelf.ts";
import { VmShelf } from "./vm-shelf.ts";

export type ViewKind = "vm" | "image" | "snapshot" | "operation" | "event";
export type ViewChange = { revision: number; kind: ViewKind; type: "put" | "delete"; id: string };

const loadedPrefixes = [
  "/networks/",
  "/network-status/",
  "/network-addresses/",
  "/security-groups/",
  "/vms/",
  "/vm-status/",
  "/images/",
  "/snapshots/",
  "/operations/",
  "/tokens/",
  "/sessions/",
] as const;
const maxRecent = 10_000;
/** Events beyond these are read from the store when somebody asks for them. */
const eventTail = 2_000;
const pageSize = 1_000;

/**
 * All that control keeps in memory: what the store holds, as of one revision.
 *
 * Filled by ranges once, then by one watch; nobody else changes it. What was committed at a revision is seen here
 * once {@link reached} resolves for it.
 */
export class View {
  readonly networks = new NetworkShelf();
  readonly securityGroups = new SecurityGroupShelf();
  readonly vms = new VmShelf((id) => this.networks.nameOf(id));
  readonly images = new ImageShelf();
  readonly snapshots = new SnapshotShelf();
  readonly operations = new OperationShelf();
  readonly events = new JsonShelf(eventTail);
  readonly access = new AccessShelf();
  #revision = 0;
  #recentFrom = 0;
  #recent: ViewChange[] = [];
  #waiting: { revision: number; resolve: () => void }[] = [];
  readonly #listeners = new Set<(changes: readonly ViewChange[], revision: number) => void>();

  get revision(): number {
    return this.#revision;
  }

  /** Reads the store as it is, then follows it until the signal fires. */
  async open(store: Store, signal: AbortSignal): Promise<{ followed: Promise<void> }> {
    const start = await store.revision(signal);
    for (const prefix of loadedPrefixes) {
      await this.#load(store, prefix, signal);
    }
    const tail = await store.range(
      { prefix: "/events/", limit: Math.min(pageSize, eventTail), isReverse: true },
      signal,
    );
    for (const item of tail.items.toReversed()) this.#put(item.key, item.value, item.modRevision);
    this.#revision = start;
    this.#recentFrom = start;
    // What was loaded after `start` comes again; putting the same value twice changes nothing.
    const batches = await store.watch({ prefix: "/", fromRevision: start + 1 }, signal);
    return { followed: this.#follow(batches) };
  }

  async #load(store: Store, prefix: string, signal: AbortSignal): Promise<void> {
    for (let after: string | undefined; ;) {
      const page = await store.range(
        { prefix, limit: pageSize, ...(after !== undefined && { after }) },
        signal,
      );
      for (const item of page.items) this.#put(item.key, item.value, item.modRevision);
      if (!page.hasMore) return;
      after = page.items.at(-1)?.key;
    }
  }

  async #follow(batches: AsyncIterable<WatchBatch>): Promise<void> {
    for await (const batch of batches) this.#apply(batch);
  }

  #apply({ revision, changes }: WatchBatch): void {
    const seen: ViewChange[] = [];
    for (const change of changes) {
      const told = this.#take(change);
      if (told !== undefined && !seen.some((other) => other.kind === told.kind && other.id === told.id)) {
        seen.push({ revision, ...told });
      }
    }
    this.#revision = revision;
    if (seen.length > 0) {
      this.#recent.push(...seen);
      if (this.#recent.length > maxRecent * 1.5) {
        this.#recent = this.#recent.slice(-maxRecent);
        // Revisions are kept whole or not at all.
        const cut = this.#recent[0]?.revision ?? revision;
        this.#recent = this.#recent.filter((change) => change.revision > cut);
        this.#recentFrom = cut;
      }
    }
    this.#wake();
    for (const listener of this.#listeners) listener(seen, revision);
  }

  #take(change: Change): Omit<ViewChange, "revision"> | undefined {
    if (change.type === "put") return this.#put(change.now.key, change.now.value, change.now.modRevision);
    return this.#remove(change.key);
  }

  #put(key: string, value: string, revision: number): Omit<ViewChange, "revision"> | undefined {
    const [room, id] = split(key);
    switch (room) {
      case "vms":
        this.#putVm(id, value, revision);
        return { kind: "vm", type: "put", id };
      case "vm-status":
        this.vms.putStatus(id, value, revision);
        return this.vms.get(id) && { kind: "vm", type: "put", id };
      case "images":
        this.images.put(id, value, revision);
        return { kind: "image", type: "put", id };
      case "snapshots":
        this.snapshots.put(id, value, revision);
        return { kind: "snapshot", type: "put", id };
      case "operations":
        this.operations.put(id, value, revision);
        return { kind: "operation", type: "put", id };
      case "events":
        this.events.put(id, value, revision);
        return { kind: "event", type: "put", id };
      case "networks":
        this.networks.put(id, value, revision);
        return undefined;
      case "network-status":
        this.networks.putStatus(id, value);
        return undefined;
      case "network-addresses":
        this.networks.putAddress(id, value);
        return undefined;
      case "security-groups":
        this.securityGroups.put(id, value, revision);
        return undefined;
      default:
        this.access.put(room, id, value);
        return undefined;
    }
  }

  #putVm(id: string, value: string, revision: number): void {
    const before = this.vms.get(id)?.record;
    this.vms.putRecord(id, value, revision);
    this.networks.noteVm(before, this.vms.get(id)?.record);
  }

  #remove(key: string): Omit<ViewChange, "revision"> | undefined {
    const [room, id] = split(key);
    switch (room) {
      case "vms":
        this.networks.noteVm(this.vms.get(id)?.record, undefined);
        this.vms.remove(id);
        return { kind: "vm", type: "delete", id };
      case "vm-status":
        this.vms.removeStatus(id);
        return undefined;
      case "images":
        this.images.remove(id);
        return { kind: "image", type: "delete", id };
      case "snapshots":
        this.snapshots.remove(id);
        return { kind: "snapshot", type: "delete", id };
      case "operations":
        this.operations.remove(id);
        return { kind: "operation", type: "delete", id };
      case "events":
        this.events.remove(id);
        return undefined;
      case "networks":
        this.networks.remove(id);
        return undefined;
      case "network-status":
        this.networks.removeStatus(id);
        return undefined;
      case "network-addresses":
        this.networks.removeAddress(id);
        return undefined;
      case "security-groups":
        this.securityGroups.remove(id);
        return undefined;
      default:
        this.access.remove(room, id);
        return undefined;
    }
  }

  #wake(): void {
    if (this.#waiting.length === 0) return;
    const ready = this.#waiting.filter((waiter) => waiter.revision <= this.#revision);
    if (ready.length === 0) return;
    this.#waiting = this.#waiting.filter((waiter) => waiter.revision > this.#revision);
    for (const waiter of ready) waiter.resolve();
  }

  /** Resolves once everything up to this revision is seen here. */
  reached(revision: number, signal: AbortSignal): Promise<void> {
    if (revision <= this.#revision) return Promise.resolve();
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const waiter = {
        revision,
        resolve: () => {
          signal.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      const onAbort = () => {
        this.#waiting = this.#waiting.filter((other) => other !== waiter);
        reject(signal.reason);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiting.push(waiter);
    });
  }

  /** The changes after a revision. Throws `store.compacted` when they are no longer known. */
  changesAfter(revision: number): ViewChange[] {
    if (revision < this.#recentFrom) {
      throw new Fault(
        "store.compacted",
        `Changes after revision ${revision} are no longer known: list again.`,
      );
    }
    let at = this.#recent.length;
    while (at > 0 && (this.#recent[at - 1]?.revision ?? 0) > revision) at--;
    return this.#recent.slice(at);
  }

  /** Calls the listener for each revision, in order, until the returned function is called. */
  listen(listener: (changes: readonly ViewChange[], revision: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The JSON of an object as clients see it. */
  json(kind: ViewKind, id: string): string | undefined {
    switch (kind) {
      case "vm":
        return this.vms.json(id);
      case "image":
        return this.images.json(id);
      case "snapshot":
        return this.snapshots.json(id);
      case "operation":
        return this.operations.json(id);
      case "event":
        return this.events.json(id);
    }
  }
}

/** "/vms/vm-1" is "vms", "vm-1". */
function split(key: string): [room: string, id: string] {
  const slash = key.indexOf("/", 1);
  return [key.slice(1, slash), key.slice(slash + 1)];
}
