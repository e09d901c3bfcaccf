import { SearchInput } from "@patternfly/react-core";
import type { SeraiEvent } from "@serai/model/event";
import { useDeferredValue, useMemo, useState } from "react";
import { useAction } from "../api/use-action.ts";
import { useServices } from "../app/services.ts";
import { mergeEvents } from "../live/live-store.ts";
import { useLive } from "../live/use-live.ts";
import { Chips } from "../parts/Chips.tsx";
import { Loading } from "../parts/Loading.tsx";
import { PageHeader } from "../parts/PageHeader.tsx";
import { EventList } from "./EventList.tsx";

const filters = [
  ["all", "All"],
  ["warning", "Warnings and errors"],
  ["error", "Errors"],
] as const;
type Filter = (typeof filters)[number][0];

const pageSize = 200;

function passes(event: SeraiEvent, filter: Filter, text: string): boolean {
  if (filter === "error" && event.severity !== "error") return false;
  if (filter === "warning" && event.severity === "info") return false;
  const words = `${event.type} ${event.message} ${event.target.name ?? ""} ${event.target.id} ${event.actor ?? ""}`;
  return words.toLowerCase().includes(text.toLowerCase());
}

export function EventsPage() {
  const { client, live } = useServices();
  const act = useAction();
  const events = useLive((state) => state.events);
  const older = useLive((state) => state.olderEvents);
  const isLoaded = useLive((state) => state.isLoaded);
  const [filter, setFilter] = useState<Filter>("all");
  const [text, setText] = useState("");
  const [size, setSize] = useState(pageSize);
  const [isBusy, setIsBusy] = useState(false);
  const wanted = useDeferredValue(text);
  const found = useMemo(
    () => events.filter((event) => passes(event, filter, wanted)),
    [events, filter, wanted],
  );

  const showOlder = async () => {
    setSize(size + pageSize);
    if (older === undefined || found.length > size + pageSize) return;
    setIsBusy(true);
    await act("Older events cannot be shown", async (signal) => {
      const page = await client.call("listEvents", { query: { limit: pageSize, after: older } }, signal);
      live.set({ events: mergeEvents(live.get().events, page.items), olderEvents: page.next });
    });
    setIsBusy(false);
  };

  return (
    <>
      <PageHeader title="Events" subtitle="What happened, newest first, with the reason." />
      <div className="page-body">
        <div className="filters above-table">
          <SearchInput
            className="filters__search"
            placeholder="Name, type or words"
            aria-label="Search the events"
            value={text}
            onChange={(_, value) => setText(value)}
            onClear={() => setText("")}
          />
          <Chips
            label="Which events"
            chosen={filter}
            chips={filters.map(([key, words]) => ({ key, text: words }))}
            onChoose={setFilter}
          />
        </div>
        {isLoaded ? (
          <EventList
            events={found.slice(0, size)}
            isBusy={isBusy}
            onOlder={found.length > size || older !== undefined ? () => void showOlder() : undefined}
          />
        ) : (
          <Loading />
        )}
      </div>
    </>
  );
}
