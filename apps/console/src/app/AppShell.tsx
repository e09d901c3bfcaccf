import { Page, SkipToContent } from "@patternfly/react-core";
import { Outlet } from "@tanstack/react-router";
import { FaultAlert } from "../parts/FaultAlert.tsx";
import { ConnectionBanner } from "./ConnectionBanner.tsx";
import { Sidebar } from "./Sidebar.tsx";
import { TopBar } from "./TopBar.tsx";
import { useSession } from "./use-session.ts";

/** The frame around all pages of a session. */
export function AppShell() {
  const { me, error, retry } = useSession();
  return (
    <Page
      masthead={<TopBar me={me} />}
      sidebar={<Sidebar me={me} />}
      isManagedSidebar
      isContentFilled
      mainContainerId="main"
      skipToContent={<SkipToContent href="#main">Skip to content</SkipToContent>}
    >
      <ConnectionBanner />
      {me !== undefined && <Outlet />}
      {error !== null && error !== undefined && (
        <div className="page-body">
          <FaultAlert title="The server cannot be reached" error={error} onRetry={retry} />
        </div>
      )}
    </Page>
  );
}
