import { DatabaseSync } from "node:sqlite";

import { Fault } from "@serai/kit/fault";

import { isBusy, sqliteFault } from "./sqlite-fault.ts";

/**
 * Holds the right to write the store until disposed or until the process dies, however it dies.
 *
 * It is SQLite's own exclusive lock on an empty database beside the store: a kernel lock, so nothing stale
 * survives kill -9. The store itself cannot carry it, because readers must still get in.
 */
export class WriterLock implements Disposable {
  readonly #holder: DatabaseSync;

  constructor(path: string) {
    try {
      this.#holder = new DatabaseSync(`${path}.lock`, { timeout: 0 });
    } catch (error) {
      throw sqliteFault(error, path);
    }
    try {
      this.#holder.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE"); // in memory: leaves no journal file behind
    } catch (error) {
      this.#holder.close();
      if (!isBusy(error)) throw sqliteFault(error, path);
      throw new Fault("store.locked", `Another process has the store ${path} open; stop it first.`, {
        cause: error,
        details: { path },
      });
    }
  }

  [Symbol.dispose](): void {
    this.#holder.close();
  }
}
