import type { NicAttachment } from "@serai/model/network";
import type { VmRecord } from "@serai/model/vm";
import type { CompleteNic } from "@serai/model/vm-spec";

/** What a network must know of one of a VM's NICs. */
export function attachmentOf({ id, spec }: VmRecord, nic: CompleteNic): NicAttachment {
  const { network, name, mac, groups = [], address4, address6, bandwidth } = nic;
  const isFirst = spec.nics.find((other) => other.network === network)?.name === name;
  return {
    vm: id,
    nic: name,
    mac,
    network,
    groups,
    ...(isFirst && { hostName: spec.name }),
    ...(address4 !== undefined && { address4 }),
    ...(address6 !== undefined && { address6 }),
    ...(bandwidth !== undefined && { bandwidth }),
  };
}

export const attachmentsOf = (vm: VmRecord, network: string): NicAttachment[] =>
  vm.spec.nics.filter((nic) => nic.network === network).map((nic) => attachmentOf(vm, nic));
