import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { OpenedStore } from "../contract/fixture.ts";
import { storeContract } from "../store-contract.ts";
import { openSqliteStore } from "./sqlite-store.ts";

const signal = AbortSignal.timeout(60_000);

storeContract("SQLite", {
  open: async (): Promise<OpenedStore> => {
    const folder = await mkdtemp(join(tmpdir(), "serai-store-"));
    const path = join(folder, "store.db");
    let store = await openSqliteStore({ path }, signal);
    return {
      store,
      reopen: async () => {
        await store.close();
        store = await openSqliteStore({ path }, signal);
        return store;
      },
      destroy: async () => {
        await store.close();
        await rm(folder, { recursive: true });
      },
    };
  },
});
