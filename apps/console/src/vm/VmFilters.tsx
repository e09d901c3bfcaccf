import { SearchInput } from "@patternfly/react-core";
import { Chips } from "../parts/Chips.tsx";
import type { countGroups } from "./select-vms.ts";
import type { StateGroup } from "./vm-words.ts";

const groups: readonly (readonly [StateGroup | "all", string])[] = [
  ["all", "All"],
  ["running", "Running"],
  ["stopped", "Stopped"],
  ["paused", "Paused"],
  ["suspended", "Suspended"],
  ["changing", "Changing"],
  ["unknown", "Unknown"],
  ["attention", "Needs attention"],
];

export type VmFiltersProps = {
  text: string;
  group: string;
  counts: ReturnType<typeof countGroups>;
  onChange: (change: { q?: string; state?: string }) => void;
};

/** Search, and one button per state that occurs, with its count. */
export function VmFilters({ text, group, counts, onChange }: VmFiltersProps) {
  const shown = groups.filter(
    ([name]) => name === "all" || name === "running" || name === group || counts[name] > 0,
  );
  return (
    <div className="filters">
      <SearchInput
        id="vm-search"
        className="filters__search"
        placeholder="Name, address, label or key=value"
        aria-label="Search the virtual machines"
        value={text}
        onChange={(_, value) => onChange({ q: value })}
        onClear={() => onChange({ q: "" })}
      />
      <Chips
        label="State"
        chosen={group}
        chips={shown.map(([key, words]) => ({ key, text: words, count: counts[key] }))}
        onChoose={(key) => onChange({ state: key })}
      />
    </div>
  );
}
