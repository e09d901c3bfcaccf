import type { VmView } from "@serai/api-contract/schemas";
import { useAction } from "../api/use-action.ts";
import { useServices } from "../app/services.ts";
import { ConfirmModal } from "../parts/ConfirmModal.tsx";

/** Deletes a VM and its disks once its name has been typed. */
export function DeleteVmModal({
  vm,
  onClose,
  onDone,
}: {
  vm: VmView;
  onClose: () => void;
  onDone?: () => void;
}) {
  const { client } = useServices();
  const act = useAction();
  const isOff = vm.state === "absent";
  const confirm = () =>
    act(`Delete: ${vm.name}`, async (signal) => {
      await client.call("deleteVm", { params: { vm: vm.id }, query: isOff ? {} : { force: true } }, signal);
      onDone?.();
    });
  const disks = vm.disks.filter((disk) => !disk.isReadOnly).length;
  return (
    <ConfirmModal
      title={`Delete ${vm.name}?`}
      act="Delete VM"
      typed={vm.name}
      onConfirm={confirm}
      onClose={onClose}
    >
      {!isOff && <p>It is not stopped: it will be ended at once.</p>}
      <p>
        The VM{disks > 0 ? ` and its ${disks === 1 ? "disk" : `${disks} disks`}` : ""} will be removed. This
        cannot be undone.
      </p>
    </ConfirmModal>
  );
}
