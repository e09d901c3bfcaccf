import { allocateAddresses, type NicAddresses } from "@serai/model/allocate-addresses";
import { checkNicAddress } from "@serai/model/check-network";
import { specFault } from "@serai/model/complete-vm-spec";
import { networkAddressKey, networkKey, userNetwork } from "@serai/model/network";
import type { CompleteNic, CompleteVmSpec } from "@serai/model/vm-spec";
import type { Compare, Write } from "@serai/store/store";
import { absent, unchanged } from "../parts.ts";
import type { NetworkEntry } from "../view/network-shelf.ts";
import type { View } from "../view/view.ts";
import { networkNotFound } from "./find-network.ts";

export type Reservation = { spec: CompleteVmSpec; when: Compare[]; then: Write[] };

/**
 * The spec with an address for each of its NICs, and what must be part of the transaction that writes it: an address
 * is a key, so that two transactions cannot both have it. A NIC that stays where it was keeps its addresses.
 */
export function reserveAddresses(
  view: View,
  vm: string,
  spec: CompleteVmSpec,
  before?: CompleteVmSpec,
): Reservation {
  const held = new Set(addressKeysOf(before));
  const wanted = new Set<string>();
  const when: Compare[] = [];
  const nics = spec.nics.map((nic) => {
    if (nic.network === userNetwork) return nic;
    const entry = view.networks.get(nic.network);
    if (entry === undefined || entry.record.isDeleting)
      throw networkNotFound(view.networks.nameOf(nic.network));
    when.push(unchanged(networkKey(nic.network), entry.revision));
    const taken = takenOn(entry, { view, vm, held, wanted });
    const old = before?.nics.find((other) => other.name === nic.name);
    const placed = { ...nic, ...chooseAddresses(entry, { nic, old, taken }) };
    for (const key of keysOfNic(placed)) wanted.add(key);
    return placed;
  });
  for (const key of wanted) if (!held.has(key)) when.push(absent(key));
  const then: Write[] = [
    ...[...wanted].filter((key) => !held.has(key)).map((key) => ({ put: key, value: vm })),
    ...[...held].filter((key) => !wanted.has(key)).map((key) => ({ delete: key })),
  ];
  return { spec: { ...spec, nics }, when: dedupe(when), then };
}

/** What goes with a VM that goes. */
export const addressKeysOf = (spec: CompleteVmSpec | undefined): string[] =>
  (spec?.nics ?? []).flatMap(keysOfNic);

const keysOfNic = ({ network, address4, address6 }: CompleteNic): string[] =>
  [address4, address6].flatMap((address) =>
    network === userNetwork || address === undefined ? [] : [networkAddressKey(network, address)],
  );

type Known = { view: View; vm: string; held: ReadonlySet<string>; wanted: ReadonlySet<string> };

/** Addresses that the NIC cannot have: those of other VMs, and of this VM's other NICs. */
function takenOn({ record }: NetworkEntry, { view, held, wanted }: Known): Set<string> {
  const taken = new Set<string>();
  for (const address of view.networks.addressesOf(record.id).keys()) {
    if (!held.has(networkAddressKey(record.id, address))) taken.add(address);
  }
  const prefix = networkAddressKey(record.id, "");
  for (const key of wanted) if (key.startsWith(prefix)) taken.add(key.slice(prefix.length));
  return taken;
}

type Choice = { nic: CompleteNic; old: CompleteNic | undefined; taken: ReadonlySet<string> };

function chooseAddresses({ record }: NetworkEntry, { nic, old, taken }: Choice): NicAddresses {
  const stays = old?.network === nic.network && old.mac === nic.mac ? old : undefined;
  const field = `nics.${nic.name}`;
  const asked = { address4: nic.address4 ?? stays?.address4, address6: nic.address6 ?? stays?.address6 };
  for (const address of [nic.address4, nic.address6]) {
    if (address !== undefined) checkNicAddress(record.spec, { address, mac: nic.mac, field });
  }
  const chosen =
    asked.address4 !== undefined && asked.address6 !== undefined
      ? {}
      : allocateAddresses(asked.address4 === undefined ? record.spec : without4(record.spec), nic.mac, taken);
  const address4 = asked.address4 ?? chosen.address4;
  const address6 = asked.address6 ?? chosen.address6;
  for (const address of [address4, address6]) {
    if (address !== undefined && taken.has(address)) {
      throw specFault(
        field,
        `${address} belongs to another NIC of ${record.spec.name}: choose another address or MAC address.`,
      );
    }
  }
  return { ...(address4 !== undefined && { address4 }), ...(address6 !== undefined && { address6 }) };
}

function without4<T extends { ipv4?: unknown; leases: { address4?: string }[] }>(spec: T): T {
  const { ipv4: _ipv4, ...rest } = spec;
  return rest as T;
}

function dedupe(when: Compare[]): Compare[] {
  const seen = new Set<string>();
  return when.filter(({ key }) => !seen.has(key) && seen.add(key));
}
