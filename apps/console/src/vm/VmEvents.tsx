import { useInfiniteQuery } from "@tanstack/react-query";
import type { VmView } from "@serai/api-contract/schemas";
import { useMemo } from "react";
import { EventList } from "../activity/EventList.tsx";
import { useServices } from "../app/services.ts";
import { mergeEvents } from "../live/live-store.ts";
import { useLive } from "../live/use-live.ts";
import { FaultAlert } from "../parts/FaultAlert.tsx";
import { Loading } from "../parts/Loading.tsx";

/** What happened to one VM: read back page by page, and followed live. */
export function VmEvents({ vm }: { vm: VmView }) {
  const { client } = useServices();
  const live = useLive((state) => state.events);
  const query = useInfiniteQuery({
    queryKey: ["events", vm.id],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) =>
      client.call("listEvents", { query: { target: vm.id, limit: 100, after: pageParam } }, signal),
    getNextPageParam: (page) => page.next,
  });
  const events = useMemo(
    () =>
      mergeEvents(
        live.filter((event) => event.target.id === vm.id),
        query.data?.pages.flatMap((page) => page.items) ?? [],
      ),
    [live, query.data, vm.id],
  );
  if (query.isLoading) return <Loading />;
  return (
    <>
      {query.isError && (
        <FaultAlert
          title="Older events cannot be shown"
          error={query.error}
          onRetry={() => void query.refetch()}
        />
      )}
      <EventList
        events={events}
        hasTarget={false}
        onOlder={query.hasNextPage ? () => void query.fetchNextPage() : undefined}
        isBusy={query.isFetchingNextPage}
      />
    </>
  );
}
