import { Button } from "@patternfly/react-core";
import type { VmView } from "@serai/api-contract/schemas";
import type { Operation } from "@serai/model/operation";
import { useState } from "react";
import { ForceModal } from "./ForceModal.tsx";
import { actionIcons } from "./power-icons.tsx";
import { actionWords, allowedActions, type PowerAction } from "./power-actions.ts";
import { PowerMenu } from "./PowerMenu.tsx";
import { usePower } from "./use-power.ts";

/** The acts that fit the VM's state as buttons, all others in the menu beside them. */
export function VmActions({ vm, operation }: { vm: VmView; operation: Operation | undefined }) {
  const power = usePower();
  const [asking, setAsking] = useState<PowerAction>();
  const shown = allowedActions(vm)
    .filter((action) => action !== "suspend")
    .slice(0, 4);
  return (
    <div className="vm-actions">
      {shown.map((action) => {
        const Icon = actionIcons[action];
        const { name, hint, isHarsh } = actionWords[action];
        return (
          <Button
            key={action}
            variant={action === "start" || action === "resume" ? "primary" : "secondary"}
            icon={<Icon />}
            title={hint}
            isDisabled={operation !== undefined && action !== "forceStop" && action !== "stop"}
            onClick={() => (isHarsh ? setAsking(action) : void power(vm, action))}
          >
            {name}
          </Button>
        );
      })}
      <PowerMenu vm={vm} />
      {asking !== undefined && <ForceModal vms={[vm]} action={asking} onClose={() => setAsking(undefined)} />}
    </div>
  );
}
