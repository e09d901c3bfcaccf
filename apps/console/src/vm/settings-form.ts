import type { VmView } from "@serai/api-contract/schemas";
import { MiB, type VmChange } from "@serai/model/vm-spec";

/** The settings as their fields hold them. */
export type SettingsForm = {
  name: string;
  description: string;
  cpus: string;
  memoryMib: string;
  onShutdown: string;
  onCrash: string;
  onPanic: string;
  onHang: string;
};

export const settingsOf = (vm: VmView): SettingsForm => ({
  name: vm.name,
  description: vm.description,
  cpus: String(vm.cpus),
  memoryMib: String(vm.memoryBytes / MiB),
  ...(vm.policy as Pick<SettingsForm, "onShutdown" | "onCrash" | "onPanic" | "onHang">),
});

const policyKeys = ["onShutdown", "onCrash", "onPanic", "onHang"] as const;

/** Only what differs from the VM; values that are no numbers stay in, for the schema to refuse. */
export function changeFrom(form: SettingsForm, vm: VmView): VmChange {
  const now = settingsOf(vm);
  const policy = policyKeys.filter((key) => form[key] !== now[key]).map((key) => [key, form[key]]);
  return {
    ...(form.name !== now.name && { name: form.name }),
    ...(form.description !== now.description && { description: form.description }),
    ...(form.cpus !== now.cpus && { cpus: Number(form.cpus) }),
    ...(form.memoryMib !== now.memoryMib && { memoryBytes: Number(form.memoryMib) * MiB }),
    ...(policy.length > 0 && {
      policy: { ...vm.policy, ...Object.fromEntries(policy) } as VmChange["policy"],
    }),
  };
}
