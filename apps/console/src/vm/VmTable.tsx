import { useVirtualizer } from "@tanstack/react-virtual";
import type { VmView } from "@serai/api-contract/schemas";
import { ArrowDownIcon } from "@patternfly/react-icons/dist/esm/icons/arrow-down-icon";
import { ArrowUpIcon } from "@patternfly/react-icons/dist/esm/icons/arrow-up-icon";
import { useCallback, useRef } from "react";
import { usePendingOperations, useImages } from "../live/use-live.ts";
import type { SortKey, Sorting } from "./select-vms.ts";
import { VmRow } from "./VmRow.tsx";

const rowPx = 44;

const columns: readonly (readonly [SortKey | "guest", string])[] = [
  ["name", "Name"],
  ["state", "State"],
  ["cpu", "CPU"],
  ["memory", "Memory"],
  ["address", "Addresses"],
  ["guest", "Guest"],
  ["started", "Up for"],
];

export type VmTableProps = {
  vms: readonly VmView[];
  sorting: Sorting;
  onSort: (sorting: Sorting) => void;
  selected: ReadonlySet<string>;
  onSelect: (selected: ReadonlySet<string>) => void;
  mayAct: boolean;
};

/** Renders only the rows in sight, in a scroller whose height the page fixes. */
export function VmTable({ vms, sorting, onSort, selected, onSelect, mayAct }: VmTableProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const pending = usePendingOperations();
  const images = useImages();
  const virtualizer = useVirtualizer({
    count: vms.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowPx,
    getItemKey: (index) => vms[index]?.id ?? index,
    overscan: 8,
  });
  const latest = useRef(selected);
  latest.current = selected;
  const toggle = useCallback(
    (id: string) => {
      const next = new Set(latest.current);
      if (!next.delete(id)) next.add(id);
      onSelect(next);
    },
    [onSelect],
  );

  const rows = virtualizer.getVirtualItems();
  const before = rows[0]?.start ?? 0;
  const after = virtualizer.getTotalSize() - (rows.at(-1)?.end ?? 0);
  const chosen = vms.filter((vm) => selected.has(vm.id)).length;
  const isAll = chosen === vms.length;
  return (
    <div className="vm-scroller" ref={scroller}>
      <table className="vm-table" aria-label="Virtual machines" aria-rowcount={vms.length + 1}>
        <thead>
          <tr aria-rowindex={1}>
            {mayAct && (
              <th scope="col" className="col-select">
                <input
                  type="checkbox"
                  aria-label={`Select all ${vms.length} VMs`}
                  checked={isAll}
                  ref={(box) => {
                    if (box !== null) box.indeterminate = chosen > 0 && !isAll;
                  }}
                  onChange={() => onSelect(new Set(isAll ? [] : vms.map((vm) => vm.id)))}
                />
              </th>
            )}
            {columns.map(([key, title]) => (
              <HeaderCell key={key} column={key} title={title} sorting={sorting} onSort={onSort} />
            ))}
            <th scope="col" className="col-actions">
              <span className="pf-v6-screen-reader">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {before > 0 && <Spacer px={before} />}
          {rows.map(({ index, key }) => {
            const vm = vms[index];
            if (vm === undefined) return null;
            const image = images.get(vm.disks[0]?.image ?? vm.kernel?.image ?? "");
            return (
              <VmRow
                key={key}
                vm={vm}
                rowIndex={index + 2}
                guest={image?.guest?.title ?? image?.name}
                operation={pending.get(vm.id)}
                isSelected={selected.has(vm.id)}
                onToggle={toggle}
                mayAct={mayAct}
              />
            );
          })}
          {after > 0 && <Spacer px={after} />}
        </tbody>
      </table>
    </div>
  );
}

const Spacer = ({ px }: { px: number }) => (
  <tr aria-hidden className="spacer">
    <td colSpan={9} style={{ height: px }}>
      {""}
    </td>
  </tr>
);

type HeaderCellProps = {
  column: SortKey | "guest";
  title: string;
  sorting: Sorting;
  onSort: (sorting: Sorting) => void;
};

function HeaderCell({ column, title, sorting, onSort }: HeaderCellProps) {
  if (column === "guest")
    return (
      <th scope="col" className="col-guest">
        {title}
      </th>
    );
  const isSorted = sorting.key === column;
  const Arrow = sorting.isDescending ? ArrowDownIcon : ArrowUpIcon;
  return (
    <th
      scope="col"
      className={`col-${column}`}
      aria-sort={isSorted ? (sorting.isDescending ? "descending" : "ascending") : undefined}
    >
      <button
        type="button"
        className="sort"
        onClick={() => onSort({ key: column, isDescending: isSorted ? !sorting.isDescending : false })}
      >
        {title}
        {isSorted && <Arrow aria-hidden />}
      </button>
    </th>
  );
}
