import { Divider, Dropdown, DropdownItem, DropdownList, MenuToggle } from "@patternfly/react-core";
import { EllipsisVIcon } from "@patternfly/react-icons/dist/esm/icons/ellipsis-v-icon";
import { useNavigate } from "@tanstack/react-router";
import type { VmView } from "@serai/api-contract/schemas";
import { useState } from "react";
import { DeleteVmModal } from "./DeleteVmModal.tsx";
import { ForceModal } from "./ForceModal.tsx";
import { actionIcons } from "./power-icons.tsx";
import { actionWords, isAllowed, powerActions, type PowerAction } from "./power-actions.ts";
import { usePower } from "./use-power.ts";

/** Everything that can be done to one VM, from its row. */
export function PowerMenu({ vm }: { vm: VmView }) {
  const [isOpen, setIsOpen] = useState(false);
  const [asking, setAsking] = useState<PowerAction | "delete">();
  const navigate = useNavigate();
  const power = usePower();
  const choose = (action: PowerAction) => {
    if (actionWords[action].isHarsh) setAsking(action);
    else void power(vm, action);
  };
  return (
    <>
      <Dropdown
        isOpen={isOpen}
        onOpenChange={setIsOpen}
        onSelect={() => setIsOpen(false)}
        popperProps={{ position: "right", appendTo: () => document.getElementById("main") ?? document.body }}
        toggle={(ref) => (
          <MenuToggle
            ref={ref}
            variant="plain"
            size="sm"
            aria-label={`Actions for ${vm.name}`}
            isExpanded={isOpen}
            onClick={() => setIsOpen(!isOpen)}
          >
            <EllipsisVIcon />
          </MenuToggle>
        )}
      >
        {isOpen && (
          <DropdownList>
            {powerActions.map((action) => {
              const Icon = actionIcons[action];
              return (
                <DropdownItem
                  key={action}
                  icon={<Icon />}
                  isDisabled={!isAllowed(vm, action)}
                  onClick={() => choose(action)}
                >
                  {actionWords[action].name}
                </DropdownItem>
              );
            })}
            <Divider component="li" />
            <DropdownItem
              onClick={() =>
                void navigate({ to: "/vms/$vm", params: { vm: vm.id }, search: { tab: "terminal" } })
              }
            >
              Open terminal
            </DropdownItem>
            <DropdownItem
              onClick={() =>
                void navigate({ to: "/vms/$vm", params: { vm: vm.id }, search: { tab: "screen" } })
              }
            >
              Open screen
            </DropdownItem>
            <Divider component="li" />
            <DropdownItem isDanger isDisabled={vm.isDeleting} onClick={() => setAsking("delete")}>
              Delete
            </DropdownItem>
          </DropdownList>
        )}
      </Dropdown>
      {asking === "delete" && <DeleteVmModal vm={vm} onClose={() => setAsking(undefined)} />}
      {asking !== undefined && asking !== "delete" && (
        <ForceModal vms={[vm]} action={asking} onClose={() => setAsking(undefined)} />
      )}
    </>
  );
}
