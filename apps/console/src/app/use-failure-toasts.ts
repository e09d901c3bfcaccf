import { useEffect, useRef } from "react";
import { useLive } from "../live/use-live.ts";
import { verbName } from "../vm/power-actions.ts";
import { useServices } from "./services.ts";
import type { Me } from "./use-session.ts";

/** Notifies of operations that fail while this page is open; those that had failed before stay quiet. */
export function useFailureToasts(me: Me | undefined): void {
  const { toasts } = useServices();
  const isLoaded = useLive((state) => state.isLoaded);
  const operations = useLive((state) => state.operations);
  const known = useRef<Map<string, string> | undefined>(undefined);
  useEffect(() => {
    if (!isLoaded || me === undefined) return;
    const before = known.current;
    known.current = new Map([...operations.values()].map(({ id, phase }) => [id, phase]));
    if (before === undefined) return;
    for (const operation of operations.values()) {
      const phase = before.get(operation.id);
      if (operation.phase !== "failed" || phase === "failed") continue;
      const { target } = operation;
      toasts.show({
        severity: "danger",
        title: `${verbName(operation.verb)} failed: ${target.name ?? target.id}`,
        detail: operation.fault?.message ?? operation.note,
        ...(target.kind === "vm" && { link: { to: `/vms/${target.id}`, text: "Show the VM" } }),
      });
    }
  }, [isLoaded, operations, toasts, me]);
}
