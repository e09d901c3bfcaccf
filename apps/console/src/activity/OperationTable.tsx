import { Button, EmptyState, EmptyStateBody, Label, Progress } from "@patternfly/react-core";
import { TasksIcon } from "@patternfly/react-icons/dist/esm/icons/tasks-icon";
import { isEnded, type Operation } from "@serai/model/operation";
import { useAction } from "../api/use-action.ts";
import { canOperate, useMe } from "../app/use-session.ts";
import { useServices } from "../app/services.ts";
import { duration } from "../parts/format.ts";
import { Moment } from "../parts/Moment.tsx";
import { verbName } from "../vm/power-actions.ts";
import { TableScroller } from "../parts/TableScroller.tsx";
import { TargetLink } from "./TargetLink.tsx";

const phases = {
  pending: ["Waiting", "info"],
  running: ["Under way", "info"],
  succeeded: ["Done", "success"],
  failed: ["Failed", "danger"],
  cancelled: ["Cancelled", "warning"],
} as const;

export function OperationTable({
  operations,
  hasTarget = true,
}: {
  operations: readonly Operation[];
  hasTarget?: boolean;
}) {
  const { data: me } = useMe();
  if (operations.length === 0) {
    return (
      <EmptyState variant="sm" icon={TasksIcon} headingLevel="h2" titleText="No operations">
        <EmptyStateBody>
          Whatever is asked for and finishes later appears here with its progress.
        </EmptyStateBody>
      </EmptyState>
    );
  }
  return (
    <TableScroller label="Operations">
      <table className="small-table" aria-label="Operations">
        <thead>
          <tr>
            <th scope="col">Operation</th>
            {hasTarget && <th scope="col">For</th>}
            <th scope="col">State</th>
            <th scope="col">Details</th>
            <th scope="col">By</th>
            <th scope="col">Begun</th>
            <th scope="col">Took</th>
            <th scope="col">
              <span className="pf-v6-screen-reader">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {operations.map((operation) => (
            <OperationRow
              key={operation.id}
              operation={operation}
              hasTarget={hasTarget}
              mayAct={canOperate(me)}
            />
          ))}
        </tbody>
      </table>
    </TableScroller>
  );
}

function OperationRow({
  operation,
  hasTarget,
  mayAct,
}: {
  operation: Operation;
  hasTarget: boolean;
  mayAct: boolean;
}) {
  const { client, live } = useServices();
  const act = useAction();
  const { id, verb, phase, progress, target, actor, createdAt, endedAt } = operation;
  const [words, status] = phases[phase];
  const cancel = () =>
    act(`Cancel: ${verbName(verb)}`, async (signal) => {
      const object = await client.call("cancelOperation", { params: { operation: id } }, signal);
      live.apply([{ revision: 0, kind: "operation", type: "put", id, object }]);
    });
  return (
    <tr data-operation={id}>
      <th scope="row">{verbName(verb)}</th>
      {hasTarget && (
        <td>
          <TargetLink target={target} />
        </td>
      )}
      <td>
        <Label isCompact status={status}>
          {words}
        </Label>
      </td>
      <td className="wide">
        {!isEnded(operation) && progress !== undefined && (
          <Progress
            size="sm"
            measureLocation="outside"
            value={Math.round(progress * 100)}
            aria-label={`Progress of ${verbName(verb)}`}
          />
        )}
        {operation.fault?.message ?? operation.note}
      </td>
      <td>{actor}</td>
      <td>
        <Moment at={createdAt} />
      </td>
      <td className="nowrap">{endedAt !== undefined && took(createdAt, endedAt)}</td>
      <td>
        {mayAct && !isEnded(operation) && (
          <Button
            size="sm"
            variant="secondary"
            aria-label={`Cancel ${verbName(verb)} of ${target.name ?? target.id}`}
            onClick={() => void cancel()}
          >
            Cancel
          </Button>
        )}
      </td>
    </tr>
  );
}

function took(from: string, to: string): string {
  const ms = Date.parse(to) - Date.parse(from);
  return ms < 1000 ? `${ms} ms` : duration(ms / 1000);
}
