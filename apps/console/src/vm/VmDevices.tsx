import { Label } from "@patternfly/react-core";
import type { VmView } from "@serai/api-contract/schemas";
import { useImages } from "../live/use-live.ts";
import { bytes } from "../parts/format.ts";
import { Facts } from "../parts/Facts.tsx";
import { Panel } from "../parts/Panel.tsx";

const yes = (has: boolean) => (has ? "yes" : "no");

export function VmDevices({ vm }: { vm: VmView }) {
  const images = useImages();
  const imageName = (id: string | undefined) => (id === undefined ? "blank" : (images.get(id)?.name ?? id));
  return (
    <div className="panels">
      <Panel title="Disks">
        {vm.disks.length === 0 ? (
          <p className="quiet">No disk: it runs from its kernel image and memory.</p>
        ) : (
          <table className="small-table" aria-label="Disks">
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col">Bus</th>
                <th scope="col">Size</th>
                <th scope="col">Made from</th>
                <th scope="col">Access</th>
              </tr>
            </thead>
            <tbody>
              {vm.disks.map((disk) => (
                <tr key={disk.name}>
                  <th scope="row">{disk.name}</th>
                  <td>{disk.bus}</td>
                  <td>{disk.sizeBytes === undefined ? "as its image" : bytes(disk.sizeBytes)}</td>
                  <td>{imageName(disk.image)}</td>
                  <td>{disk.isReadOnly ? "read-only" : "read and write"}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Panel>
      <Panel title="Network">
        {vm.nics.length === 0 && <p className="quiet">No network card.</p>}
        {vm.nics.map((nic) => (
          <Facts
            key={nic.name}
            entries={[
              ["Card", `${nic.name}: ${nic.model}`],
              ["MAC", <code key="mac">{nic.mac}</code>],
              ["Network", nic.network === "user" ? "user-mode NAT" : nic.network],
              [
                "Forwards",
                nic.forwards.length === 0 ? (
                  <span className="quiet">none</span>
                ) : (
                  <ul className="plain-list" key="forwards">
                    {nic.forwards.map(({ protocol, hostPort, guestPort }) => (
                      <li key={`${protocol}${hostPort}`}>
                        <code>
                          127.0.0.1:{hostPort} → {guestPort}
                        </code>{" "}
                        <Label isCompact>{protocol}</Label>
                      </li>
                    ))}
                  </ul>
                ),
              ],
            ]}
          />
        ))}
      </Panel>
      <Panel title="Other devices">
        <Facts
          entries={[
            ["Display", vm.display === "none" ? "none" : "VGA, reached through the Screen tab"],
            ["Serial port", "yes, reached through the Terminal tab"],
            ["Agent channel", yes(vm.hasAgent)],
            ["Random numbers", yes(vm.hasRng)],
            ["Memory balloon", yes(vm.hasBalloon)],
            ["Watchdog", yes(vm.hasWatchdog)],
            ["Kernel", vm.kernel === undefined ? undefined : imageName(vm.kernel.image)],
            [
              "Kernel command line",
              vm.kernel?.cmdline === undefined ? undefined : <code key="cmdline">{vm.kernel.cmdline}</code>,
            ],
          ]}
        />
      </Panel>
    </div>
  );
}
