import type { View } from "../view/view.ts";
import { findByReference } from "../view/find-by-reference.ts";
import type { VmEntry } from "../view/vm-shelf.ts";

/** Throws `vm.not_found` or `name.ambiguous`. */
export function findVm(view: View, reference: string): VmEntry {
  const id = findByReference(view.vms, reference, {
    noun: "VM",
    notFound: "vm.not_found",
    nameOf: (candidate) => view.vms.get(candidate)?.record.spec.name ?? candidate,
  });
  return view.vms.get(id) as VmEntry;
}
