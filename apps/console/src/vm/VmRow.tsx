import { Link } from "@tanstack/react-router";
import type { VmView } from "@serai/api-contract/schemas";
import type { Operation } from "@serai/model/operation";
import { memo } from "react";
import { useVmUsage } from "../live/use-usage.ts";
import { bytes, duration, percent } from "../parts/format.ts";
import { useNow } from "../parts/use-now.ts";
import { UsageBar } from "../parts/UsageBar.tsx";
import { PowerMenu } from "./PowerMenu.tsx";
import { VmStateLabel } from "./VmStateLabel.tsx";
import { exitSentence, stateOf, troubleSentence } from "./vm-words.ts";

export type VmRowProps = {
  vm: VmView;
  rowIndex: number;
  guest: string | undefined;
  operation: Operation | undefined;
  isSelected: boolean;
  onToggle: (id: string) => void;
  mayAct: boolean;
};

/** Why it needs attention, for the title of its state. */
function reason(vm: VmView): string | undefined {
  if (vm.trouble !== undefined) return troubleSentence(vm.trouble.kind);
  if (vm.fault !== undefined) return vm.fault.message;
  return stateOf(vm).group === "attention" && vm.exit !== undefined ? exitSentence(vm.exit.cause) : undefined;
}

export const VmRow = memo(function VmRow({
  vm,
  rowIndex,
  guest,
  operation,
  isSelected,
  onToggle,
  mayAct,
}: VmRowProps) {
  const hasProcess = vm.state !== "absent" && vm.state !== "suspended" && vm.state !== "unknown";
  const usage = useVmUsage(vm.id).at(-1);
  const isLive = hasProcess && usage !== undefined;
  return (
    <tr aria-rowindex={rowIndex} className={isSelected ? "is-selected" : undefined} data-vm={vm.name}>
      {mayAct && (
        <td className="col-select">
          <input
            type="checkbox"
            aria-label={`Select ${vm.name}`}
            checked={isSelected}
            onChange={() => onToggle(vm.id)}
          />
        </td>
      )}
      <th scope="row" className="col-name">
        <Link to="/vms/$vm" params={{ vm: vm.id }} className="vm-name">
          {vm.name}
        </Link>
        {vm.description !== "" && <span className="vm-note">{vm.description}</span>}
      </th>
      <td className="col-state" title={reason(vm)}>
        <VmStateLabel vm={vm} operation={operation} />
      </td>
      <td className="col-cpu">
        {isLive ? (
          <UsageBar
            share={usage.cpu / vm.cpus}
            text={`${percent(usage.cpu / vm.cpus)} of ${vm.cpus}`}
            label={`CPU of ${vm.name}`}
          />
        ) : (
          <span className="quiet">{vm.cpus}</span>
        )}
      </td>
      <td className="col-memory">
        {isLive ? (
          <UsageBar
            share={usage.memoryBytes / vm.memoryBytes}
            text={`${bytes(usage.memoryBytes)} of ${bytes(vm.memoryBytes)}`}
            label={`Memory of ${vm.name}`}
          />
        ) : (
          <span className="quiet">{bytes(vm.memoryBytes)}</span>
        )}
      </td>
      <td className="col-address">
        {vm.addresses[0]}
        {vm.addresses.length > 1 && <span className="quiet"> +{vm.addresses.length - 1}</span>}
      </td>
      <td className="col-guest">{guest}</td>
      <td className="col-started">
        {hasProcess && vm.startedAt !== undefined && <UpFor since={vm.startedAt} />}
      </td>
      <td className="col-actions">{mayAct && <PowerMenu vm={vm} />}</td>
    </tr>
  );
});

function UpFor({ since }: { since: string }) {
  const nowMs = useNow(15_000);
  return <>{duration((nowMs - Date.parse(since)) / 1000)}</>;
}
