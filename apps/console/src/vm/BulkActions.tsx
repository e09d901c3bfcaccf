import { Button } from "@patternfly/react-core";
import type { VmView } from "@serai/api-contract/schemas";
import { useState } from "react";
import { useServices } from "../app/services.ts";
import { ForceModal } from "./ForceModal.tsx";
import { actionIcons } from "./power-icons.tsx";
import { actionWords, isAllowed, powerActions, type PowerAction } from "./power-actions.ts";
import { usePower } from "./use-power.ts";

/** At most this many requests at once: a thousand VMs must not exhaust the server's rate limit. */
const atOnce = 6;

/** Power actions for all selected VMs; each touches those whose state allows it. */
export function BulkActions({ vms, onClear }: { vms: readonly VmView[]; onClear: () => void }) {
  const power = usePower();
  const { toasts } = useServices();
  const [asking, setAsking] = useState<PowerAction>();
  const [progress, setProgress] = useState<string>();
  if (vms.length === 0) return null;

  const run = async (action: PowerAction) => {
    const queue = vms.filter((vm) => isAllowed(vm, action));
    const { length } = queue;
    let done = 0;
    const work = async () => {
      for (let vm = queue.shift(); vm !== undefined; vm = queue.shift()) {
        if (await power(vm, action)) done++;
        setProgress(`${actionWords[action].doing}: ${done} of ${length}`);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    setProgress(undefined);
    const words = `${actionWords[action].name}: asked for ${done} of ${length} VMs`;
    toasts.show({ severity: done === length ? "success" : "warning", title: words });
  };

  return (
    <div className="bulk" role="toolbar" aria-label="Actions for the selected VMs">
      <strong>{vms.length} selected</strong>
      {powerActions.map((action) => {
        const count = vms.filter((vm) => isAllowed(vm, action)).length;
        const Icon = actionIcons[action];
        return (
          <Button
            key={action}
            size="sm"
            variant="secondary"
            icon={<Icon />}
            isDisabled={count === 0 || progress !== undefined}
            title={actionWords[action].hint}
            onClick={() => (actionWords[action].isHarsh ? setAsking(action) : void run(action))}
          >
            {actionWords[action].name}
            {count > 0 && count < vms.length ? ` (${count})` : ""}
          </Button>
        );
      })}
      <Button size="sm" variant="link" onClick={onClear}>
        Clear selection
      </Button>
      <span role="status">{progress}</span>
      {asking !== undefined && (
        <ForceModal
          vms={vms.filter((vm) => isAllowed(vm, asking))}
          action={asking}
          onClose={() => setAsking(undefined)}
        />
      )}
    </div>
  );
}
