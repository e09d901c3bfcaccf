import { listAll } from "@serai/api-contract/client";
import type { NetworkView } from "@serai/api-contract/schemas";
import type { NetworkChange, NetworkSpec } from "@serai/model/network";
import type { Context } from "../context.ts";
import { parseNetworkForward } from "../parse-network.ts";
import { parseWhole } from "../parse-values.ts";
import { facts, plain, table } from "../terminal-text.ts";

export type NetworkOptions = {
  kind?: string;
  subnet?: string;
  prefix6?: string;
  hostNic?: string;
  vlan?: string;
  domain?: string;
  description?: string;
  forward?: string[];
};

export async function listNetworks(context: Context): Promise<void> {
  const networks: NetworkView[] = [];
  for await (const network of listAll(await context.client(), "listNetworks", {}, context.signal))
    networks.push(network);
  context.show(networks, () =>
    networks.length === 0
      ? "There are no networks but `user`, which each VM has for itself; serai network create makes one."
      : table(
          ["NAME", "ID", "KIND", "SUBNETS", "STATE", "VMS"],
          networks.map((network) => [
            network.name,
            network.id,
            network.kind,
            subnetsOf(network),
            network.state,
            String(network.vms.length),
          ]),
        ),
  );
}

const subnetsOf = ({ ipv4, ipv6 }: NetworkView): string =>
  [ipv4?.subnet, ipv6?.prefix].filter((text) => text !== undefined).join(", ");

export async function showNetwork(context: Context, reference: string): Promise<void> {
  const client = await context.client();
  const network = await client.call("getNetwork", { params: { network: reference } }, context.signal);
  context.show(network, () =>
    facts([
      ["Name", network.name],
      ["Id", network.id],
      ["Description", plain(network.description)],
      ["Kind", network.kind],
      ["State", network.state],
      ["Fault", network.fault && plain(network.fault.message)],
      [
        "IPv4",
        network.ipv4 &&
          `${network.ipv4.subnet}, gateway ${network.ipv4.gateway}, leases ${network.ipv4.rangeFirst} to ${network.ipv4.rangeLast}`,
      ],
      ["IPv6", network.ipv6 && `${network.ipv6.prefix}, gateway ${network.ipv6.gateway}`],
      ["Domain", network.domain],
      [
        "Host's interface",
        network.hostNic && `${network.hostNic}${network.vlan === undefined ? "" : `, VLAN ${network.vlan}`}`,
      ],
      ...network.forwards.map(
        ({ protocol, hostAddress, hostPort, address, port }) =>
          ["Forward", `${protocol} ${hostAddress ?? "127.0.0.1"}:${hostPort}→${address}:${port}`] as const,
      ),
      ["VMs", network.vms.join(", ")],
      ["Generation", String(network.generation)],
    ]),
  );
}

export async function createNetwork(context: Context, name: string, options: NetworkOptions): Promise<void> {
  const client = await context.client();
  const body: NetworkSpec = {
    name,
    ...(options.kind !== undefined && { kind: options.kind as never }),
    ...changeFrom(options),
  };
  const ended = await context.finish(
    await client.call("createNetwork", { body }, context.signal),
    `Creating ${name}`,
  );
  context.show(ended, () => `Created network ${name} (${ended.target.id}).`);
}

export async function setNetwork(
  context: Context,
  reference: string,
  options: NetworkOptions,
): Promise<void> {
  const client = await context.client();
  const input = { params: { network: reference }, body: changeFrom(options) };
  const ended = await context.finish(
    await client.call("changeNetwork", input, context.signal),
    `Changing ${reference}`,
  );
  context.show(ended, () => `Changed network ${ended.target.name ?? reference}.`);
}

export async function removeNetworks(context: Context, references: readonly string[]): Promise<void> {
  const client = await context.client();
  for (const network of references) {
    const receipt = await client.call("deleteNetwork", { params: { network } }, context.signal);
    const ended = await context.finish(receipt, `Deleting ${network}`);
    context.show(ended, () => `Deleted network ${ended.target.name ?? network}.`);
  }
}

/** Options as a change; what they say is the server's to judge. */
function changeFrom(options: NetworkOptions): NetworkChange {
  return {
    ...(options.description !== undefined && { description: options.description }),
    ...(options.subnet !== undefined && { ipv4: { subnet: options.subnet } }),
    ...(options.prefix6 !== undefined && { ipv6: { prefix: options.prefix6 } }),
    ...(options.domain !== undefined && { domain: options.domain }),
    ...(options.hostNic !== undefined && { hostNic: options.hostNic }),
    ...(options.vlan !== undefined && { vlan: parseWhole(options.vlan, "--vlan", 1, 4094) }),
    ...(options.forward !== undefined && { forwards: options.forward.map(parseNetworkForward) }),
  };
}
