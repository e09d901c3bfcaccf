import {
  Breadcrumb,
  BreadcrumbItem,
  EmptyState,
  EmptyStateBody,
  EmptyStateFooter,
  Tab,
  Tabs,
  TabTitleText,
} from "@patternfly/react-core";
import { VirtualMachineIcon } from "@patternfly/react-icons/dist/esm/icons/virtual-machine-icon";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import type { VmView } from "@serai/api-contract/schemas";
import { lazy, Suspense, type ReactNode } from "react";
import { canOperate, useMe } from "../app/use-session.ts";
import { useLive, usePendingOperations } from "../live/use-live.ts";
import { useUsagePolling } from "../live/use-usage.ts";
import { Loading } from "../parts/Loading.tsx";
import { PageHeader } from "../parts/PageHeader.tsx";
import { VmActions } from "./VmActions.tsx";
import { VmAlerts } from "./VmAlerts.tsx";
import { VmDevices } from "./VmDevices.tsx";
import { VmEvents } from "./VmEvents.tsx";
import { VmOperations } from "./VmOperations.tsx";
import { VmOverview } from "./VmOverview.tsx";
import { VmSettings } from "./VmSettings.tsx";
import { VmStateLabel } from "./VmStateLabel.tsx";

const VmTerminal = lazy(async () => ({ default: (await import("./VmTerminal.tsx")).VmTerminal }));
const VmScreen = lazy(async () => ({ default: (await import("./VmScreen.tsx")).VmScreen }));

type TabEntry = {
  key: string;
  title: string;
  isForOperators?: boolean;
  /** Takes all the height there is. */ isFilling?: boolean;
  show: (vm: VmView) => ReactNode;
};

const tabs: readonly TabEntry[] = [
  { key: "overview", title: "Overview", show: (vm) => <VmOverview vm={vm} /> },
  {
    key: "terminal",
    title: "Terminal",
    isForOperators: true,
    isFilling: true,
    show: (vm) => <VmTerminal vm={vm} />,
  },
  {
    key: "screen",
    title: "Screen",
    isForOperators: true,
    isFilling: true,
    show: (vm) => <VmScreen vm={vm} />,
  },
  { key: "devices", title: "Devices", show: (vm) => <VmDevices vm={vm} /> },
  { key: "events", title: "Events", show: (vm) => <VmEvents vm={vm} /> },
  { key: "operations", title: "Operations", show: (vm) => <VmOperations vm={vm} /> },
  {
    key: "settings",
    title: "Settings",
    isForOperators: true,
    show: (vm) => <VmSettings key={vm.id} vm={vm} />,
  },
];

export function VmPage() {
  const { vm: id } = useParams({ from: "/shell/vms/$vm" });
  const vm = useLive((state) => state.vms.get(id) ?? byName(state.vms, id));
  const isLoaded = useLive((state) => state.isLoaded);
  useUsagePolling();
  if (vm !== undefined) return <FoundVm vm={vm} />;
  return isLoaded ? <GoneVm id={id} /> : <Loading label="Loading the virtual machine" />;
}

/** People type names into the address bar. */
function byName(vms: ReadonlyMap<string, VmView>, name: string): VmView | undefined {
  for (const vm of vms.values()) if (vm.name === name) return vm;
  return undefined;
}

function FoundVm({ vm }: { vm: VmView }) {
  const { tab = "overview" } = useSearch({ from: "/shell/vms/$vm" });
  const navigate = useNavigate({ from: "/vms/$vm" });
  const { data: me } = useMe();
  const operation = usePendingOperations().get(vm.id);
  const mayAct = canOperate(me);
  const shownTabs = tabs.filter((entry) => mayAct || entry.isForOperators !== true);
  const active = shownTabs.find(({ key }) => key === tab) ?? shownTabs[0];
  return (
    <div className={active?.isFilling === true ? "vm-page is-filled" : "vm-page"}>
      <PageHeader
        title={vm.name}
        breadcrumb={
          <Breadcrumb>
            <BreadcrumbItem>
              <Link to="/vms">Virtual machines</Link>
            </BreadcrumbItem>
            <BreadcrumbItem isActive>{vm.name}</BreadcrumbItem>
          </Breadcrumb>
        }
        aside={<VmStateLabel vm={vm} operation={operation} />}
        subtitle={vm.description === "" ? undefined : vm.description}
        actions={mayAct && <VmActions vm={vm} operation={operation} />}
      />
      <VmAlerts vm={vm} operation={operation} />
      <Tabs
        className="vm-tabs"
        activeKey={active?.key ?? "overview"}
        aria-label={`About ${vm.name}`}
        onSelect={(_, key) => void navigate({ search: { tab: String(key) } })}
      >
        {shownTabs.map(({ key, title }) => (
          <Tab
            key={key}
            eventKey={key}
            title={<TabTitleText>{title}</TabTitleText>}
            tabContentId={`tab-${key}`}
            id={`tab-button-${key}`}
          />
        ))}
      </Tabs>
      <div
        className="tab-body"
        role="tabpanel"
        id={`tab-${active?.key}`}
        aria-labelledby={`tab-button-${active?.key}`}
      >
        <Suspense fallback={<Loading />}>{active?.show(vm)}</Suspense>
      </div>
    </div>
  );
}

function GoneVm({ id }: { id: string }) {
  return (
    <EmptyState icon={VirtualMachineIcon} headingLevel="h1" titleText="This VM is not there">
      <EmptyStateBody>
        No VM is called <code>{id}</code>. It may have been deleted; its events and operations are still kept.
      </EmptyStateBody>
      <EmptyStateFooter>
        <Link to="/vms">Back to the virtual machines</Link>
      </EmptyStateFooter>
    </EmptyState>
  );
}
