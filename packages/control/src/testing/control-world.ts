import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { poll } from "@serai/kit/deadline";
import { createLogger } from "@serai/kit/logger";
import type { ImageRecord } from "@serai/model/image";
import type { NetworkRecord } from "@serai/model/network";
import type { Operation } from "@serai/model/operation";
import type { VmRecord } from "@serai/model/vm";
import { openSqliteReader } from "@serai/store/sqlite/sqlite-reader";
import { openSqliteStore } from "@serai/store/sqlite/sqlite-store";
import type { Store } from "@serai/store/store";
import { createControl, type Control } from "../create-control.ts";
import type { CatalogueEntry } from "../images/catalogue.ts";
import type { Actor } from "../services/actor.ts";
import type { Services } from "../services/services.ts";
import { fakeHost, type FakeHost } from "./fake-host.ts";

export const admin: Actor = { name: "ann", role: "admin" };

export type ControlWorld = AsyncDisposable & {
  host: FakeHost;
  readonly services: Services;
  directory: string;
  /** Ends control as a stop would, and starts it again on the same store; the host goes on. */
  restart(): Promise<void>;
  /** Waits until the operation has ended, and answers how. */
  ended(operation: Operation | string): Promise<Operation>;
  vm(reference: string): Record<string, unknown> & { id: string; power: string; state: string };
  until(what: string, isSo: () => boolean): Promise<void>;
};

type WorldOptions = { memoryBytes?: number; catalogue?: CatalogueEntry[] };

/** Control over a real store and a fake host, for tests. */
export async function controlWorld(options: WorldOptions = {}): Promise<ControlWorld> {
  const directory = await mkdtemp(join(tmpdir(), "serai-control-"));
  const path = join(directory, "store.db");
  const reader = openSqliteReader(path);
  const read = <T>(key: string): T | undefined => {
    const found = reader.get(key);
    return found && (JSON.parse(found.value) as T);
  };
  const host = fakeHost({
    vm: (id) => read<VmRecord>(`/vms/${id}`),
    image: (id) => read<ImageRecord>(`/images/${id}`),
    network: (id) => read<NetworkRecord>(`/networks/${id}`),
    ...(options.memoryBytes !== undefined && { memoryBytes: options.memoryBytes }),
  });
  const open = () => openControl({ path, directory, host, catalogue: options.catalogue ?? [] });
  let now = await open();
  const until = (what: string, isSo: () => boolean) =>
    poll(
      { ms: 10_000, everyMs: 2, code: "request.timeout", message: `Never: ${what}.` },
      AbortSignal.timeout(20_000),
      () => (isSo() ? true : undefined),
    ).then(() => {});
  return {
    host,
    directory,
    until,
    get services() {
      return now.control.services;
    },
    restart: async () => {
      await closeControl(now);
      now = await open();
    },
    ended: async (operation) => {
      const id = typeof operation === "string" ? operation : operation.id;
      const wait = now.control.services.operations.get(
        id,
        { waitMs: 10_000 },
        admin,
        AbortSignal.timeout(20_000),
      );
      return JSON.parse((await wait).json) as Operation;
    },
    vm: (reference) => JSON.parse(now.control.services.vms.get(reference, admin).json),
    [Symbol.asyncDispose]: async () => {
      await closeControl(now);
      reader.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

type Opening = { path: string; directory: string; host: FakeHost; catalogue: readonly CatalogueEntry[] };
type Opened = { store: Store; control: Control };

async function openControl({ path, directory, host, catalogue }: Opening): Promise<Opened> {
  const signal = AbortSignal.timeout(120_000);
  const store = await openSqliteStore({ path }, signal);
  const control = await createControl(
    {
      store,
      host,
      spoolDir: join(directory, "spool"),
      catalogue,
      log: createLogger("test", process.env["SERAI_LOG"] ?? "silent"),
    },
    signal,
  );
  return { store, control };
}

async function closeControl({ store, control }: Opened): Promise<void> {
  await control.close(2000);
  await store.close();
}
