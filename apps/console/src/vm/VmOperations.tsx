import { useQuery } from "@tanstack/react-query";
import type { VmView } from "@serai/api-contract/schemas";
import type { Operation } from "@serai/model/operation";
import { useMemo } from "react";
import { OperationTable } from "../activity/OperationTable.tsx";
import { useServices } from "../app/services.ts";
import { useLive } from "../live/use-live.ts";
import { FaultAlert } from "../parts/FaultAlert.tsx";
import { Loading } from "../parts/Loading.tsx";

/** The receipts of what was asked of one VM. */
export function VmOperations({ vm }: { vm: VmView }) {
  const { client } = useServices();
  const live = useLive((state) => state.operations);
  const query = useQuery({
    queryKey: ["operations", vm.id],
    queryFn: ({ signal }) => client.call("listOperations", { query: { target: vm.id, limit: 200 } }, signal),
  });
  const operations = useMemo(() => {
    const byId = new Map<string, Operation>(query.data?.items.map((operation) => [operation.id, operation]));
    for (const operation of live.values())
      if (operation.target.id === vm.id) byId.set(operation.id, operation);
    return [...byId.values()].toSorted((a, b) => b.createdAt.localeCompare(a.createdAt));
  }, [live, query.data, vm.id]);
  if (query.isLoading) return <Loading />;
  return (
    <>
      {query.isError && (
        <FaultAlert
          title="Older operations cannot be shown"
          error={query.error}
          onRetry={() => void query.refetch()}
        />
      )}
      <OperationTable operations={operations} hasTarget={false} />
    </>
  );
}
