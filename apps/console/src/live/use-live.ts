import type { ImageView, VmView } from "@serai/api-contract/schemas";
import { isEnded, type Operation } from "@serai/model/operation";
import { useMemo, useSyncExternalStore } from "react";
import { useServices } from "../app/services.ts";
import type { LiveState } from "./live-store.ts";

/** A slice of the live state; `select` must answer the same object as long as nothing changed. */
export function useLive<T>(select: (state: LiveState) => T): T {
  const { live } = useServices();
  return useSyncExternalStore(live.subscribe, () => select(live.get()));
}

export const useVms = (): ReadonlyMap<string, VmView> => useLive((state) => state.vms);
export const useImages = (): ReadonlyMap<string, ImageView> => useLive((state) => state.images);

/** Target id → its newest operation that has not ended. */
export function usePendingOperations(): ReadonlyMap<string, Operation> {
  const operations = useLive((state) => state.operations);
  return useMemo(() => {
    const pending = new Map<string, Operation>();
    for (const operation of operations.values()) {
      if (isEnded(operation)) continue;
      const known = pending.get(operation.target.id);
      if (known === undefined || known.createdAt < operation.createdAt)
        pending.set(operation.target.id, operation);
    }
    return pending;
  }, [operations]);
}
