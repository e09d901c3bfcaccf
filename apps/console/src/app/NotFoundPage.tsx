import { EmptyState, EmptyStateBody, EmptyStateFooter } from "@patternfly/react-core";
import { SearchIcon } from "@patternfly/react-icons/dist/esm/icons/search-icon";
import { Link } from "@tanstack/react-router";

export function NotFoundPage() {
  return (
    <EmptyState icon={SearchIcon} headingLevel="h1" titleText="There is no such page">
      <EmptyStateBody>The address may be mistyped, or what it named is gone.</EmptyStateBody>
      <EmptyStateFooter>
        <Link to="/vms">Go to the virtual machines</Link>
      </EmptyStateFooter>
    </EmptyState>
  );
}
