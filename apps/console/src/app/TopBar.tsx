import {
  Masthead,
  MastheadBrand,
  MastheadContent,
  MastheadLogo,
  MastheadMain,
  MastheadToggle,
  PageToggleButton,
} from "@patternfly/react-core";
import { BarsIcon } from "@patternfly/react-icons/dist/esm/icons/bars-icon";
import { Link } from "@tanstack/react-router";
import { ConnectionDot } from "./ConnectionDot.tsx";
import { ThemeMenu } from "./ThemeMenu.tsx";
import { UserMenu } from "./UserMenu.tsx";
import type { Me } from "./use-session.ts";

export function TopBar({ me }: { me: Me | undefined }) {
  return (
    <Masthead display={{ default: "inline" }}>
      <MastheadMain>
        <MastheadToggle>
          <PageToggleButton variant="plain" aria-label="Navigation">
            <BarsIcon />
          </PageToggleButton>
        </MastheadToggle>
        <MastheadBrand>
          <MastheadLogo
            component={(props) => <Link {...props} to="/vms" aria-label="Serai, to the virtual machines" />}
          >
            <span className="brand">
              <img src="/serai.svg" alt="" width="26" height="26" />
              <span className="brand__name">Serai</span>
            </span>
          </MastheadLogo>
        </MastheadBrand>
      </MastheadMain>
      <MastheadContent>
        <div className="topbar-end">
          <ConnectionDot />
          <ThemeMenu />
          {me !== undefined && <UserMenu me={me} />}
        </div>
      </MastheadContent>
    </Masthead>
  );
}
