import type { VmView } from "@serai/api-contract/schemas";
import { ConfirmModal } from "../parts/ConfirmModal.tsx";
import { actionWords, type PowerAction } from "./power-actions.ts";
import { usePower } from "./use-power.ts";

/** Asks before an act that may lose a guest's unsaved data. */
export function ForceModal({
  vms,
  action,
  onClose,
}: {
  vms: readonly VmView[];
  action: PowerAction;
  onClose: () => void;
}) {
  const power = usePower();
  const { name } = actionWords[action];
  const who = vms.length === 1 ? (vms[0]?.name ?? "") : `${vms.length} VMs`;
  const confirm = async () => {
    const results = await Promise.all(vms.map((vm) => power(vm, action)));
    return results.every(Boolean) || vms.length > 1;
  };
  return (
    <ConfirmModal title={`${name} ${who}?`} act={name} onConfirm={confirm} onClose={onClose}>
      {action === "reset"
        ? "The guest restarts at once, as by its reset button. What it has not yet written to its disks is lost."
        : "The guest ends at once, as if its power cord was pulled. What it has not yet written to its disks is lost."}
    </ConfirmModal>
  );
}
