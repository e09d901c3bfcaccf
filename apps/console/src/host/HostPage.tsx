import { Alert, Label } from "@patternfly/react-core";
import { CheckCircleIcon } from "@patternfly/react-icons/dist/esm/icons/check-circle-icon";
import { MinusCircleIcon } from "@patternfly/react-icons/dist/esm/icons/minus-circle-icon";
import type { HostView } from "@serai/api-contract/schemas";
import { useQuery } from "@tanstack/react-query";
import { useServices } from "../app/services.ts";
import { useHostUsage, useUsagePolling } from "../live/use-usage.ts";
import { Facts } from "../parts/Facts.tsx";
import { FaultAlert } from "../parts/FaultAlert.tsx";
import { bytes, percent, perSecond } from "../parts/format.ts";
import { Loading } from "../parts/Loading.tsx";
import { Moment } from "../parts/Moment.tsx";
import { PageHeader } from "../parts/PageHeader.tsx";
import { Panel } from "../parts/Panel.tsx";
import { UsageBar } from "../parts/UsageBar.tsx";
import { UsageTile } from "../parts/UsageTile.tsx";

export function HostPage() {
  const { client } = useServices();
  useUsagePolling();
  const {
    data: host,
    error,
    refetch,
    isLoading,
  } = useQuery({
    queryKey: ["host"],
    refetchInterval: 30_000,
    queryFn: ({ signal }) => client.call("getHost", {}, signal),
  });
  return (
    <>
      <PageHeader title={host?.name ?? "Host"} subtitle={host && `${host.qemu.version} · ${host.kernel}`} />
      <div className="page-body">
        {isLoading && <Loading />}
        {error !== null && (
          <FaultAlert title="The host cannot be asked" error={error} onRetry={() => void refetch()} />
        )}
        {host !== undefined && <HostFacts host={host} />}
      </div>
    </>
  );
}

function HostFacts({ host }: { host: HostView }) {
  const points = useHostUsage();
  const now = points.at(-1);
  return (
    <div className="overview">
      {host.accelerator.kind !== "kvm" && (
        <Alert
          variant="info"
          isInline
          title="Guests run in software emulation (TCG), which is slow"
          className="wide-item"
        >
          {host.accelerator.reason}
        </Alert>
      )}
      <section className="tiles" aria-label="Usage">
        <UsageTile
          title="CPU"
          now={now && percent(now.cpu)}
          note={`of ${host.cpus} cores`}
          values={points.map(({ cpu }) => cpu)}
          top={1}
        />
        <UsageTile
          title="Memory"
          now={now && bytes(now.memoryBytes)}
          note={`of ${bytes(host.memoryBytes)}`}
          values={points.map(({ memoryBytes }) => memoryBytes)}
          top={host.memoryBytes}
        />
        <UsageTile
          title="Guests' disks"
          now={now && perSecond(now.diskBytesPerSecond)}
          note="read and written"
          values={points.map((point) => point.diskBytesPerSecond)}
          top={1024 * 1024}
        />
        <UsageTile
          title="Guests' network"
          now={now && perSecond(now.netBytesPerSecond)}
          note="both ways"
          values={points.map((point) => point.netBytesPerSecond)}
          top={128 * 1024}
        />
      </section>
      <div className="column">
        <Panel title="Pools">
          {host.pools.map((pool) => (
            <div className="pool" key={pool.name}>
              <strong>{pool.name}</strong>
              <code>{pool.path}</code>
              <UsageBar
                share={pool.capacityBytes === 0 ? 0 : 1 - pool.availableBytes / pool.capacityBytes}
                text={`${bytes(pool.availableBytes)} of ${bytes(pool.capacityBytes)} free`}
                label={`Use of pool ${pool.name}`}
              />
            </div>
          ))}
        </Panel>
        <Panel title="Features">
          <ul className="features">
            {host.features.map(({ name, isAvailable, note }) => (
              <li key={name}>
                <Label
                  isCompact
                  color={isAvailable ? "green" : "grey"}
                  icon={isAvailable ? <CheckCircleIcon /> : <MinusCircleIcon />}
                >
                  {name}: {isAvailable ? "available" : "not available"}
                </Label>
                <span className="quiet">{note}</span>
              </li>
            ))}
          </ul>
        </Panel>
      </div>
      <Panel title="Facts">
        <Facts
          entries={[
            ["Cores", host.cpus],
            ["Memory", `${bytes(host.memoryBytes)}, ${bytes(host.memoryAvailableBytes)} available`],
            ["Accelerator", host.accelerator.kind === "kvm" ? "KVM" : "TCG"],
            ["QEMU", `${host.qemu.version} at ${host.qemu.path}`],
            ["Default machine", <code key="machine">{host.qemu.defaultMachineType}</code>],
            ["Firmware", host.firmware.map((name) => name.toUpperCase()).join(", ")],
            [
              "Isolation",
              host.isPrivileged
                ? "each VM has a user id of its own"
                : "VMs run as the user who started Serai",
            ],
            ["Serai", host.seraiVersion],
            ["Up since", <Moment key="since" at={host.startedAt} />],
          ]}
        />
      </Panel>
    </div>
  );
}
