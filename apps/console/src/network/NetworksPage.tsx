import type { NetworkView } from "@serai/api-contract/schemas";
import { Button, EmptyState, EmptyStateBody, Label } from "@patternfly/react-core";
import { NetworkIcon } from "@patternfly/react-icons/dist/esm/icons/network-icon";
import { PlusIcon } from "@patternfly/react-icons/dist/esm/icons/plus-icon";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useAction } from "../api/use-action.ts";
import { useServices } from "../app/services.ts";
import { ConfirmModal } from "../parts/ConfirmModal.tsx";
import { FaultAlert } from "../parts/FaultAlert.tsx";
import { Loading } from "../parts/Loading.tsx";
import { PageHeader } from "../parts/PageHeader.tsx";
import { TableScroller } from "../parts/TableScroller.tsx";
import { CreateNetworkModal } from "./CreateNetworkModal.tsx";
import { settle } from "./settle.ts";

/** Networks change seldom, and nothing tells of it. */
const lookAgainMs = 5_000;

export function NetworksPage() {
  const { client } = useServices();
  const act = useAction();
  const [isCreating, setIsCreating] = useState(false);
  const [deleting, setDeleting] = useState<NetworkView>();
  const { data, error, refetch } = useQuery({
    queryKey: ["networks"],
    queryFn: ({ signal }) => client.call("listNetworks", {}, signal),
    refetchInterval: lookAgainMs,
  });
  const remove = (network: string) =>
    act("The network was not deleted", async (signal) => {
      await settle(client, client.call("deleteNetwork", { params: { network } }, signal), signal);
      await refetch();
    });
  return (
    <>
      <PageHeader
        title="Networks"
        subtitle="VMs on the same network reach each other. Each VM also has user-mode NAT of its own to choose."
        actions={
          <Button icon={<PlusIcon />} onClick={() => setIsCreating(true)}>
            Create network
          </Button>
        }
      />
      <div className="page-body">
        {error !== null && (
          <FaultAlert title="The networks cannot be shown" error={error} onRetry={() => void refetch()} />
        )}
        {data === undefined && error === null && <Loading />}
        {data?.items.length === 0 && (
          <EmptyState icon={NetworkIcon} headingLevel="h2" titleText="No networks">
            <EmptyStateBody>Create one, and VMs can be put on it.</EmptyStateBody>
          </EmptyState>
        )}
        {data !== undefined && data.items.length > 0 && (
          <NetworkTable networks={data.items} onDelete={setDeleting} />
        )}
      </div>
      {isCreating && (
        <CreateNetworkModal onClose={() => setIsCreating(false)} onCreated={() => void refetch()} />
      )}
      {deleting !== undefined && (
        <ConfirmModal
          title={`Delete ${deleting.name}?`}
          act="Delete network"
          onConfirm={() => remove(deleting.id)}
          onClose={() => setDeleting(undefined)}
        >
          Its addresses and port forwards are gone then.
        </ConfirmModal>
      )}
    </>
  );
}

type TableProps = { networks: readonly NetworkView[]; onDelete: (network: NetworkView) => void };

function NetworkTable({ networks, onDelete }: TableProps) {
  return (
    <TableScroller label="Networks">
      <table className="small-table" aria-label="Networks">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Kind</th>
            <th scope="col">Addresses</th>
            <th scope="col">State</th>
            <th scope="col">VMs</th>
            <th scope="col">
              <span className="pf-v6-screen-reader">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {networks.map((network) => (
            <tr key={network.id}>
              <th scope="row">{network.name}</th>
              <td>{network.kind}</td>
              <td>{addressesOf(network)}</td>
              <td>
                <State network={network} />
              </td>
              <td>
                {network.vms.length === 0 ? <span className="quiet">none</span> : network.vms.join(", ")}
              </td>
              <td>
                <Button
                  size="sm"
                  variant="secondary"
                  isDanger
                  isDisabled={network.vms.length > 0}
                  aria-label={`Delete ${network.name}`}
                  onClick={() => onDelete(network)}
                >
                  Delete
                </Button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableScroller>
  );
}

const addressesOf = ({ ipv4, ipv6, hostNic }: NetworkView): string =>
  [ipv4?.subnet, ipv6?.prefix, hostNic].filter((text) => text !== undefined).join(", ");

function State({ network: { state, fault } }: { network: NetworkView }) {
  if (fault === undefined) return <Label status={state === "ready" ? "success" : "info"}>{state}</Label>;
  return (
    <>
      <Label status="danger">{state}</Label> {fault.message}
    </>
  );
}
