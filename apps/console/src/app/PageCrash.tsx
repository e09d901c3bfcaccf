import { Button, EmptyState, EmptyStateBody, EmptyStateFooter } from "@patternfly/react-core";
import { ExclamationCircleIcon } from "@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon";
import type { ErrorComponentProps } from "@tanstack/react-router";
import { faultSentence } from "../api/fault-words.ts";

/** Stands in for a page that failed to render or to load. */
export function PageCrash({ error }: ErrorComponentProps) {
  return (
    <EmptyState status="danger" icon={ExclamationCircleIcon} headingLevel="h1" titleText="This page failed">
      <EmptyStateBody>
        {faultSentence(error)} This is a fault of the console, not of your VMs; they are not affected.
      </EmptyStateBody>
      <EmptyStateFooter>
        <Button onClick={() => location.reload()}>Load the page again</Button>
      </EmptyStateFooter>
    </EmptyState>
  );
}
