import type { VmView } from "@serai/api-contract/schemas";
import type { UsagePoint } from "../live/usage-history.ts";
import { needsAttention, stateOf, type StateGroup } from "./vm-words.ts";

export type SortKey = "name" | "state" | "cpu" | "memory" | "address" | "started";
export type Sorting = { key: SortKey; isDescending: boolean };

export type VmFilter = { text: string; group: StateGroup | "all" };

/** Words separated by spaces, all of which must match; `key=value` and `key=` look at labels only. */
export function matches(vm: VmView, filter: VmFilter): boolean {
  if (
    filter.group === "attention"
      ? !needsAttention(vm)
      : filter.group !== "all" && stateOf(vm).group !== filter.group
  ) {
    return false;
  }
  return filter.text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "")
    .every((word) => matchesWord(vm, word));
}

function matchesWord(vm: VmView, word: string): boolean {
  const labels = Object.entries(vm.labels);
  const [key, value] = word.split("=", 2);
  if (value !== undefined)
    return labels.some(([name, text]) => name === key && text.toLowerCase().startsWith(value));
  return (
    vm.name.includes(word) ||
    vm.id.startsWith(word) ||
    vm.description.toLowerCase().includes(word) ||
    stateOf(vm).text.toLowerCase() === word ||
    vm.addresses.some((address) => address.startsWith(word)) ||
    labels.some(([name, text]) => name.includes(word) || text.toLowerCase().includes(word))
  );
}

const collator = new Intl.Collator(undefined, { numeric: true });

type Live = (vm: string) => UsagePoint | undefined;

const comparers: Record<SortKey, (a: VmView, b: VmView, live: Live) => number> = {
  name: (a, b) => collator.compare(a.name, b.name),
  state: (a, b) => collator.compare(stateOf(a).text, stateOf(b).text),
  cpu: (a, b, live) => (live(a.id)?.cpu ?? -1) - (live(b.id)?.cpu ?? -1) || a.cpus - b.cpus,
  memory: (a, b) => a.memoryBytes - b.memoryBytes,
  address: (a, b) => collator.compare(a.addresses[0] ?? "~", b.addresses[0] ?? "~"),
  started: (a, b) => (a.startedAt ?? "").localeCompare(b.startedAt ?? ""),
};

/** Filtered, then sorted; equal ones by name, so that rows never jump about. */
export function selectVms(vms: Iterable<VmView>, filter: VmFilter, sorting: Sorting, live: Live): VmView[] {
  const compare = comparers[sorting.key];
  const sign = sorting.isDescending ? -1 : 1;
  return [...vms]
    .filter((vm) => matches(vm, filter))
    .toSorted(
      (a, b) => sign * compare(a, b, live) || collator.compare(a.name, b.name) || a.id.localeCompare(b.id),
    );
}

/** How many VMs each group holds, and all of them. */
export function countGroups(vms: Iterable<VmView>): Record<StateGroup | "all", number> {
  const counts = {
    all: 0,
    running: 0,
    paused: 0,
    changing: 0,
    stopped: 0,
    suspended: 0,
    attention: 0,
    unknown: 0,
  };
  for (const vm of vms) {
    const { group } = stateOf(vm);
    counts.all++;
    if (group !== "attention") counts[group]++;
    if (needsAttention(vm)) counts.attention++;
  }
  return counts;
}
