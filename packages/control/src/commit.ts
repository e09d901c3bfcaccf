import { withDeadline } from "@serai/kit/deadline";
import { Fault } from "@serai/kit/fault";
import type { Store, Txn } from "@serai/store/store";
import type { View } from "./view/view.ts";

/** What to write, given what the view holds now; without `txn` there is nothing to write. */
export type Plan<T> = { txn?: Txn; result: T };

export type Commit = <T>(plan: () => Plan<T> | Promise<Plan<T>>, signal: AbortSignal) => Promise<T>;

const maxTries = 20;

/**
 * Makes the one way in which control writes: plan from the view, compare-and-swap, plan again when somebody was
 * faster. Resolves when the write is durable and the view shows it.
 */
export function createCommit(store: Store, view: View): Commit {
  return (plan, signal) =>
    withDeadline(
      {
        ms: 30_000,
        code: "store.unavailable",
        message: "The store did not answer in time; look before you try again.",
      },
      signal,
      async (inner) => {
        for (let tries = 0; tries < maxTries; tries++) {
          const { txn, result } = await plan();
          if (txn === undefined) return result;
          const { succeeded, revision } = await store.txn(txn, inner);
          await view.reached(revision, inner);
          if (succeeded) return result;
        }
        throw new Fault("store.conflict", "Others kept changing the same thing; try again.");
      },
    );
}
