import { Button, EmptyState, EmptyStateBody } from "@patternfly/react-core";
import { BellIcon } from "@patternfly/react-icons/dist/esm/icons/bell-icon";
import { ExclamationCircleIcon } from "@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon";
import { ExclamationTriangleIcon } from "@patternfly/react-icons/dist/esm/icons/exclamation-triangle-icon";
import { InfoCircleIcon } from "@patternfly/react-icons/dist/esm/icons/info-circle-icon";
import type { SeraiEvent } from "@serai/model/event";
import { Moment } from "../parts/Moment.tsx";
import { TableScroller } from "../parts/TableScroller.tsx";
import { TargetLink } from "./TargetLink.tsx";

const icons = {
  info: InfoCircleIcon,
  warning: ExclamationTriangleIcon,
  error: ExclamationCircleIcon,
} as const;

export type EventListProps = {
  events: readonly SeraiEvent[];
  hasTarget?: boolean;
  onOlder?: (() => void) | undefined;
  isBusy?: boolean;
};

export function EventList({ events, hasTarget = true, onOlder, isBusy = false }: EventListProps) {
  if (events.length === 0) {
    return (
      <EmptyState variant="sm" icon={BellIcon} headingLevel="h2" titleText="No events">
        <EmptyStateBody>What happens from now on appears here, newest first.</EmptyStateBody>
      </EmptyState>
    );
  }
  return (
    <>
      <TableScroller label="Events">
        <table className="small-table" aria-label="Events">
          <thead>
            <tr>
              <th scope="col">Severity</th>
              <th scope="col">When</th>
              {hasTarget && <th scope="col">About</th>}
              <th scope="col">What happened</th>
              <th scope="col">Type</th>
              <th scope="col">By</th>
            </tr>
          </thead>
          <tbody>
            {events.map((event) => {
              const Icon = icons[event.severity];
              return (
                <tr key={event.id}>
                  <td>
                    <span className={`severity is-${event.severity}`}>
                      <Icon aria-hidden /> {event.severity}
                    </span>
                  </td>
                  <td>
                    <Moment at={event.at} />
                  </td>
                  {hasTarget && (
                    <td>
                      <TargetLink target={event.target} />
                    </td>
                  )}
                  <td className="wide">{event.message}</td>
                  <td>
                    <code>{event.type}</code>
                  </td>
                  <td>{event.actor ?? "Serai"}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </TableScroller>
      {onOlder !== undefined && (
        <Button variant="link" isLoading={isBusy} isDisabled={isBusy} onClick={onOlder}>
          Show older
        </Button>
      )}
    </>
  );
}
