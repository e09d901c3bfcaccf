import type { VmView } from "@serai/api-contract/schemas";
import { Link } from "@tanstack/react-router";
import { useImages } from "../live/use-live.ts";
import { bytes, duration } from "../parts/format.ts";
import { Facts } from "../parts/Facts.tsx";
import { Moment } from "../parts/Moment.tsx";
import { Panel } from "../parts/Panel.tsx";
import { useNow } from "../parts/use-now.ts";
import { agentWords, exitSentence, intentSentence, isSettled } from "./vm-words.ts";
import { VmScreenshot } from "./VmScreenshot.tsx";
import { VmUsageCharts } from "./VmUsageCharts.tsx";

export function VmOverview({ vm }: { vm: VmView }) {
  const images = useImages();
  const image = images.get(vm.disks[0]?.image ?? vm.kernel?.image ?? "");
  const hasProcess = vm.pid !== undefined || ["running", "paused", "starting", "stopping"].includes(vm.state);
  const addresses =
    vm.addresses.length === 0 ? <span className="quiet">none known</span> : <List items={vm.addresses} />;
  const labels = Object.entries(vm.labels);
  return (
    <div className="overview">
      {hasProcess && <VmUsageCharts vm={vm} />}
      <div className="column">
        <Panel title="Guest">
          <div className="guest">
            {vm.hasDisplay && hasProcess && <VmScreenshot vm={vm} />}
            <Facts
              entries={[
                ["Made from", image === undefined ? undefined : (image.guest?.title ?? image.name)],
                ["Addresses", addresses],
                ["Agent", agentWords(vm.agent)],
                [
                  "Up for",
                  hasProcess && vm.startedAt !== undefined ? <UpFor since={vm.startedAt} /> : undefined,
                ],
                [
                  "Labels",
                  labels.length === 0 ? undefined : (
                    <List items={labels.map(([key, value]) => `${key}=${value}`)} />
                  ),
                ],
              ]}
            />
          </div>
        </Panel>
        <Panel
          title="Wanted and seen"
          aside={
            <span className={isSettled(vm) ? "settled" : "unsettled"}>
              {isSettled(vm) ? "as wanted" : "on its way"}
            </span>
          }
        >
          <p className="intent">{intentSentence(vm)}</p>
          <Facts
            entries={[
              ["Last end", vm.exit === undefined ? undefined : <LastEnd vm={vm} />],
              ["Restarts in a row", vm.restarts === 0 ? undefined : vm.restarts],
              ["Generation", vm.generation],
              ["Changed", <Moment key="changed" at={vm.updatedAt} />],
            ]}
          />
        </Panel>
      </div>
      <Panel title="Machine">
        <Facts
          entries={[
            ["CPUs", vm.cpus],
            ["Memory", bytes(vm.memoryBytes)],
            ["Firmware", vm.kernel === undefined ? vm.firmware.toUpperCase() : "direct kernel boot"],
            ["Machine type", <code key="type">{vm.machineType}</code>],
            ["Accelerator", vm.accelerator === "tcg" ? "TCG: emulated, slow" : vm.accelerator?.toUpperCase()],
            [
              "Host",
              <Link key="host" to="/host">
                {vm.host}
              </Link>,
            ],
            ["Process", vm.pid],
            ["Id", <code key="id">{vm.id}</code>],
            ["Created", <Moment key="created" at={vm.createdAt} />],
          ]}
        />
      </Panel>
    </div>
  );
}

const List = ({ items }: { items: readonly string[] }) => (
  <ul className="plain-list">
    {items.map((item) => (
      <li key={item}>
        <code>{item}</code>
      </li>
    ))}
  </ul>
);

function UpFor({ since }: { since: string }) {
  const nowMs = useNow(5_000);
  return <>{duration((nowMs - Date.parse(since)) / 1000)}</>;
}

const LastEnd = ({ vm: { exit } }: { vm: VmView }) =>
  exit === undefined ? null : (
    <>
      {exitSentence(exit.cause)} <Moment at={exit.at} />
      {exit.detail !== "" && <span className="quiet block">{exit.detail}</span>}
    </>
  );
