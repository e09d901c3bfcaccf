import { describe } from "node:test";

import type { OpenStore } from "./contract/fixture.ts";
import { leaseContract } from "./contract/lease-contract.ts";
import { modelContract } from "./contract/model-contract.ts";
import { txnContract } from "./contract/txn-contract.ts";
import { watchContract } from "./contract/watch-contract.ts";

/** Registers the tests that every adapter of the store port must pass. `open` makes a fresh, empty store. */
export function storeContract(name: string, { open }: { open: OpenStore }): void {
  describe(`${name} keeps the store's contract`, { concurrency: 4 }, () => {
    txnContract(open);
    watchContract(open);
    leaseContract(open);
    modelContract(open);
  });
}
