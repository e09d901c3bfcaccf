import type { VmView } from "@serai/api-contract/schemas";
import { useVmUsage } from "../live/use-usage.ts";
import { bytes, percent, perSecond } from "../parts/format.ts";
import { UsageTile } from "../parts/UsageTile.tsx";

const MiB = 1024 * 1024;

/** Four small charts of the last three minutes. */
export function VmUsageCharts({ vm }: { vm: VmView }) {
  const points = useVmUsage(vm.id);
  const now = points.at(-1);
  return (
    <section className="tiles" aria-label="Usage">
      <UsageTile
        title="CPU"
        now={now && percent(now.cpu / vm.cpus)}
        note={`of ${vm.cpus} ${vm.cpus === 1 ? "CPU" : "CPUs"}`}
        values={points.map((point) => point.cpu)}
        top={vm.cpus}
      />
      <UsageTile
        title="Memory"
        now={now && bytes(now.memoryBytes)}
        note={`of ${bytes(vm.memoryBytes)}, on the host`}
        values={points.map((point) => point.memoryBytes)}
        top={vm.memoryBytes}
      />
      <UsageTile
        title="Disk"
        now={now && perSecond(now.diskBytesPerSecond)}
        note="read and written"
        values={points.map((point) => point.diskBytesPerSecond)}
        top={MiB}
      />
      <UsageTile
        title="Network"
        now={now && perSecond(now.netBytesPerSecond)}
        note="both ways"
        values={points.map((point) => point.netBytesPerSecond)}
        top={MiB / 8}
      />
    </section>
  );
}
