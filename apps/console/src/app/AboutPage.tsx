import { useQuery } from "@tanstack/react-query";
import { Facts } from "../parts/Facts.tsx";
import { PageHeader } from "../parts/PageHeader.tsx";
import { Panel } from "../parts/Panel.tsx";
import { useServices } from "./services.ts";

const commands = [
  ["./serai vm ls", "list the VMs"],
  ["./serai run debian-12", "make a VM from an image and start it"],
  ["./serai vm console NAME", "open a VM's serial terminal"],
  ["./serai vm stop NAME", "shut a VM down"],
  ["./serai image pull NAME", "fetch an image from the catalogue"],
  ["./serai events -f", "follow what happens"],
] as const;

export function AboutPage() {
  const { client } = useServices();
  const health = useQuery({
    queryKey: ["health"],
    queryFn: ({ signal }) => client.call("getHealth", {}, signal),
  });
  return (
    <>
      <PageHeader
        title="About and help"
        subtitle="Serai runs virtual machines with any operating system through QEMU."
      />
      <div className="page-body panels">
        <Panel title="This server">
          <Facts
            entries={[
              ["Version", health.data?.version ?? "…"],
              ["Health", health.data?.status ?? (health.isError ? "does not answer" : "…")],
              [
                "API",
                <a key="api" href="/docs">
                  Readable reference
                </a>,
              ],
              [
                "OpenAPI",
                <a key="openapi" href="/v1/openapi.json">
                  /v1/openapi.json
                </a>,
              ],
            ]}
          />
        </Panel>
        <Panel title="The same from the command line">
          <p>Console and CLI use nothing but the API: whatever you do here, a script can do too.</p>
          <dl className="commands">
            {commands.map(([command, meaning]) => (
              <div key={command}>
                <dt>
                  <code>{command}</code>
                </dt>
                <dd>{meaning}</dd>
              </div>
            ))}
          </dl>
        </Panel>
        <Panel title="Words">
          <Facts
            entries={[
              ["VM", "A virtual machine: what its owner wants (intent) and what its host sees (sighting)."],
              ["Guest", "The operating system inside a VM."],
              ["Image", "An immutable, verified disk or kernel that VMs are made from."],
              [
                "Operation",
                "The receipt for a request that finishes later. It survives a restart of the server.",
              ],
              ["Event", "Something that happened, with the reason and the numbers."],
              [
                "Agent",
                "A small program in the guest (qemu-guest-agent) that reports addresses and shuts down cleanly.",
              ],
            ]}
          />
        </Panel>
        <Panel title="Keyboard">
          <Facts
            entries={[
              [<kbd key="k">/</kbd>, "Search in the list of VMs"],
              [<kbd key="c">c</kbd>, "Create a VM, from the list"],
              [<kbd key="e">Shift+Escape</kbd>, "Leave the serial terminal with the keyboard"],
            ]}
          />
        </Panel>
      </div>
    </>
  );
}
