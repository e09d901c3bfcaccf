import type { VmView } from "@serai/api-contract/schemas";
import { useCallback } from "react";
import { useAction } from "../api/use-action.ts";
import { useServices } from "../app/services.ts";
import { actionWords, requestPower, type PowerAction } from "./power-actions.ts";

/** Asks for a power action; the receipt shows at once, without waiting for the stream. */
export function usePower(): (vm: VmView, action: PowerAction) => Promise<boolean> {
  const { client, live } = useServices();
  const act = useAction();
  return useCallback(
    (vm, action) =>
      act(`${actionWords[action].name}: ${vm.name}`, async (signal) => {
        const operation = await requestPower(client, vm.id, action, signal);
        if (live.get().operations.has(operation.id)) return;
        live.apply([{ revision: 0, kind: "operation", type: "put", id: operation.id, object: operation }]);
      }),
    [act, client, live],
  );
}
