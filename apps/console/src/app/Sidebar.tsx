import { Nav, NavItem, NavList, PageSidebar, PageSidebarBody } from "@patternfly/react-core";
import { BellIcon } from "@patternfly/react-icons/dist/esm/icons/bell-icon";
import { InfoCircleIcon } from "@patternfly/react-icons/dist/esm/icons/info-circle-icon";
import { KeyIcon } from "@patternfly/react-icons/dist/esm/icons/key-icon";
import { LayerGroupIcon } from "@patternfly/react-icons/dist/esm/icons/layer-group-icon";
import { NetworkIcon } from "@patternfly/react-icons/dist/esm/icons/network-icon";
import { ServerIcon } from "@patternfly/react-icons/dist/esm/icons/server-icon";
import { TasksIcon } from "@patternfly/react-icons/dist/esm/icons/tasks-icon";
import { VirtualMachineIcon } from "@patternfly/react-icons/dist/esm/icons/virtual-machine-icon";
import { Link, useLocation } from "@tanstack/react-router";
import { useMemo, type ComponentType } from "react";
import { useLive, usePendingOperations } from "../live/use-live.ts";
import { needsAttention } from "../vm/vm-words.ts";
import type { Me } from "./use-session.ts";

type Entry = {
  to: string;
  text: string;
  icon: ComponentType;
  count?: number;
  countLabel?: string;
  isAlarm?: boolean;
};

export function Sidebar({ me }: { me: Me | undefined }) {
  const { pathname } = useLocation();
  const vms = useLive((state) => state.vms);
  const pending = usePendingOperations().size;
  const troubled = useMemo(() => [...vms.values()].filter(needsAttention).length, [vms]);
  const entries: Entry[] = [
    {
      to: "/vms",
      text: "Virtual machines",
      icon: VirtualMachineIcon,
      count: troubled,
      countLabel: "need attention",
      isAlarm: true,
    },
    { to: "/images", text: "Images", icon: LayerGroupIcon },
    { to: "/networks", text: "Networks", icon: NetworkIcon },
    { to: "/operations", text: "Operations", icon: TasksIcon, count: pending, countLabel: "under way" },
    { to: "/events", text: "Events", icon: BellIcon },
    { to: "/host", text: "Host", icon: ServerIcon },
    ...(me?.role === "admin" ? [{ to: "/tokens", text: "API tokens", icon: KeyIcon }] : []),
    { to: "/about", text: "About and help", icon: InfoCircleIcon },
  ];
  const isActive = ({ to }: Entry) => pathname.startsWith(to);
  return (
    <PageSidebar>
      <PageSidebarBody isFilled>
        <Nav aria-label="Main">
          <NavList>
            {entries.map((entry) => (
              <NavItem key={entry.to} isActive={isActive(entry)}>
                <Link to={entry.to}>
                  <entry.icon />
                  <span className="nav-text">{entry.text}</span>
                  {entry.count !== undefined && entry.count > 0 && (
                    <span className={entry.isAlarm === true ? "nav-count is-alarm" : "nav-count"}>
                      {entry.count}
                      <span className="pf-v6-screen-reader"> {entry.countLabel}</span>
                    </span>
                  )}
                </Link>
              </NavItem>
            ))}
          </NavList>
        </Nav>
      </PageSidebarBody>
    </PageSidebar>
  );
}
