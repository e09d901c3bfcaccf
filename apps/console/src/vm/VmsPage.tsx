import {
  Button,
  EmptyState,
  EmptyStateActions,
  EmptyStateBody,
  EmptyStateFooter,
} from "@patternfly/react-core";
import { PlusIcon } from "@patternfly/react-icons/dist/esm/icons/plus-icon";
import { SearchIcon } from "@patternfly/react-icons/dist/esm/icons/search-icon";
import { VirtualMachineIcon } from "@patternfly/react-icons/dist/esm/icons/virtual-machine-icon";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useDeferredValue, useEffect, useMemo, useState } from "react";
import { canOperate, useMe } from "../app/use-session.ts";
import { useServices } from "../app/services.ts";
import { useImages, useLive, useVms } from "../live/use-live.ts";
import { useHostUsage, useUsagePolling } from "../live/use-usage.ts";
import { Loading } from "../parts/Loading.tsx";
import { PageHeader } from "../parts/PageHeader.tsx";
import { BulkActions } from "./BulkActions.tsx";
import { countGroups, selectVms, type Sorting } from "./select-vms.ts";
import { VmFilters } from "./VmFilters.tsx";
import { VmTable } from "./VmTable.tsx";
import type { StateGroup } from "./vm-words.ts";

const none: ReadonlySet<string> = new Set();

export function VmsPage() {
  useUsagePolling();
  const { usage } = useServices();
  const vms = useVms();
  const isLoaded = useLive((state) => state.isLoaded);
  const { data: me } = useMe();
  const { q = "", state = "all" } = useSearch({ from: "/shell/vms" });
  const navigate = useNavigate({ from: "/vms" });
  const [sorting, setSorting] = useState<Sorting>({ key: "name", isDescending: false });
  const [selected, setSelected] = useState(none);
  const sampledAtMs = useHostUsage().at(-1)?.atMs;
  // Re-sort with each sample only when the order depends on samples.
  const sortTick = sorting.key === "cpu" ? sampledAtMs : 0;
  const text = useDeferredValue(q);

  const counts = useMemo(() => countGroups(vms.values()), [vms]);
  const shown = useMemo(() => {
    void sortTick;
    return selectVms(vms.values(), { text, group: state as StateGroup | "all" }, sorting, (id) =>
      usage.of(id).at(-1),
    );
  }, [vms, text, state, sorting, usage, sortTick]);
  const selection = useMemo(() => [...selected].flatMap((id) => vms.get(id) ?? []), [selected, vms]);
  const setFilter = useCallback(
    (next: { q?: string; state?: string }) =>
      void navigate({
        search: (old) => {
          const merged = { ...old, ...next };
          return {
            q: merged.q === "" ? undefined : merged.q,
            state: merged.state === "all" ? undefined : merged.state,
          };
        },
        replace: true,
      }),
    [navigate],
  );
  useShortcuts(() => void navigate({ to: "/vms/create" }));

  const mayAct = canOperate(me);
  return (
    <div className="page-fill">
      <PageHeader
        title="Virtual machines"
        actions={
          mayAct && (
            <Button component={(props) => <Link {...props} to="/vms/create" />} icon={<PlusIcon />}>
              Create VM
            </Button>
          )
        }
      />
      {!isLoaded && <Loading label="Loading the virtual machines" />}
      {isLoaded && vms.size === 0 && <NoVms mayAct={mayAct} />}
      {isLoaded && vms.size > 0 && (
        <>
          <VmFilters text={q} group={state} counts={counts} onChange={setFilter} />
          {mayAct && <BulkActions vms={selection} onClear={() => setSelected(none)} />}
          {shown.length === 0 ? (
            <EmptyState variant="sm" icon={SearchIcon} headingLevel="h2" titleText="No VM matches">
              <EmptyStateFooter>
                <Button variant="link" onClick={() => setFilter({ q: "", state: "all" })}>
                  Clear the filters
                </Button>
              </EmptyStateFooter>
            </EmptyState>
          ) : (
            <VmTable
              vms={shown}
              sorting={sorting}
              onSort={setSorting}
              selected={selected}
              onSelect={setSelected}
              mayAct={mayAct}
            />
          )}
        </>
      )}
    </div>
  );
}

function NoVms({ mayAct }: { mayAct: boolean }) {
  const images = useImages();
  const hasImage = [...images.values()].some((image) => image.phase === "ready");
  return (
    <EmptyState icon={VirtualMachineIcon} headingLevel="h2" titleText="No VMs yet">
      <EmptyStateBody>
        {hasImage
          ? "Make the first one from an image that is already here: it takes four short steps."
          : "A VM is made from an image. There is none yet: pull one from the catalogue, or upload your own."}
      </EmptyStateBody>
      {mayAct && (
        <EmptyStateFooter>
          <EmptyStateActions>
            {hasImage && (
              <Button component={(props) => <Link {...props} to="/vms/create" />}>Create VM</Button>
            )}
            <Button
              variant={hasImage ? "link" : "primary"}
              component={(props) => <Link {...props} to="/images" />}
            >
              {hasImage ? "Look at the images" : "Get an image"}
            </Button>
          </EmptyStateActions>
        </EmptyStateFooter>
      )}
    </EmptyState>
  );
}

/** `/` searches and `c` creates, unless somebody is typing. */
function useShortcuts(create: () => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (
        event.ctrlKey ||
        event.metaKey ||
        event.altKey ||
        target.closest("input, textarea, select, [role=dialog]")
      )
        return;
      if (event.key === "c") create();
      if (event.key !== "/") return;
      event.preventDefault();
      document.querySelector<HTMLInputElement>("#vm-search input")?.focus();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  });
}
