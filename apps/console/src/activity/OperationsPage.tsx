import { Button } from "@patternfly/react-core";
import { isEnded, type Operation } from "@serai/model/operation";
import { useMemo, useState } from "react";
import { useLive } from "../live/use-live.ts";
import { Chips } from "../parts/Chips.tsx";
import { Loading } from "../parts/Loading.tsx";
import { PageHeader } from "../parts/PageHeader.tsx";
import { OperationTable } from "./OperationTable.tsx";

const filters = {
  all: ["All", () => true],
  open: ["Under way", (operation: Operation) => !isEnded(operation)],
  failed: ["Failed", (operation: Operation) => operation.phase === "failed"],
} as const satisfies Record<string, readonly [string, (operation: Operation) => boolean]>;
type Filter = keyof typeof filters;

const pageSize = 100;

export function OperationsPage() {
  const all = useLive((state) => state.operations);
  const isLoaded = useLive((state) => state.isLoaded);
  const [filter, setFilter] = useState<Filter>("all");
  const [size, setSize] = useState(pageSize);
  const found = useMemo(() => {
    const passes: (operation: Operation) => boolean = filters[filter][1];
    return [...all.values()].filter(passes).toSorted((a, b) => b.createdAt.localeCompare(a.createdAt));
  }, [all, filter]);
  return (
    <>
      <PageHeader
        title="Operations"
        subtitle="The receipts for what was asked: they survive a restart of the server, and say how it ended."
      />
      <div className="page-body">
        <div className="above-table">
          <Chips
            label="Which operations"
            chosen={filter}
            chips={(Object.keys(filters) as Filter[]).map((key) => ({ key, text: filters[key][0] }))}
            onChoose={setFilter}
          />
        </div>
        {isLoaded ? <OperationTable operations={found.slice(0, size)} /> : <Loading />}
        {found.length > size && (
          <Button variant="link" onClick={() => setSize(size + pageSize)}>
            Show older
          </Button>
        )}
      </div>
    </>
  );
}
