import { Option, type Command } from "commander";
import type { NetworkOptions } from "./commands/networks.ts";
import type { Context } from "./context.ts";
import type { On } from "./program.ts";
import { collect } from "./spec-options.ts";

const withNetworkOptions = (command: Command): Command =>
  command
    .option("--description <text>", "what it is for")
    .option("--subnet <cidr>", "its IPv4 addresses, such as 10.20.0.0/24 (default for nat: a free one)")
    .option("--prefix6 <cidr>", "its IPv6 addresses, a /64")
    .option("--domain <name>", "guests find each other as VM.DOMAIN")
    .option("--host-nic <name>", "bridged: the host's interface or bridge")
    .option("--vlan <id>", "bridged: the tag on the host's interface")
    .option(
      "--forward <ports>",
      "nat: [tcp|udp:][HOSTADDRESS:]HOSTPORT:ADDRESS:PORT; may be repeated",
      collect,
    );

export function addNetworkCommands(network: Command, on: On): void {
  network
    .command("ls")
    .description("list networks")
    .action(on(async (c: Context) => (await import("./commands/networks.ts")).listNetworks(c)));
  network
    .command("show <network>")
    .description("show all of a network")
    .action(
      on(async (c: Context, name: string) => (await import("./commands/networks.ts")).showNetwork(c, name)),
    );
  withNetworkOptions(network.command("create <name>"))
    .description("make a network")
    .addOption(new Option("--kind <kind>", "default: nat").choices(["nat", "isolated", "bridged"]))
    .action(
      on(async (c: Context, name: string, o: NetworkOptions) =>
        (await import("./commands/networks.ts")).createNetwork(c, name, o),
      ),
    );
  withNetworkOptions(network.command("set <network>"))
    .description("change a network; --forward replaces all of them")
    .action(
      on(async (c: Context, name: string, o: NetworkOptions) =>
        (await import("./commands/networks.ts")).setNetwork(c, name, o),
      ),
    );
  network
    .command("rm <network...>")
    .description("delete networks that no VM is on")
    .action(
      on(async (c: Context, names: string[]) =>
        (await import("./commands/networks.ts")).removeNetworks(c, names),
      ),
    );
}

export function addGroupCommands(group: Command, on: On): void {
  const rule = "in|out[:tcp|udp|icmp|any[:PORT[-PORT]]][@SUBNET|@group:NAME]; may be repeated";
  type Options = { rule?: string[]; description?: string };
  group
    .command("ls")
    .description("list security groups")
    .action(on(async (c: Context) => (await import("./commands/security-groups.ts")).listGroups(c)));
  group
    .command("create <name>")
    .description("make a security group; without rules its NICs receive nothing but answers")
    .option("--rule <rule>", rule, collect)
    .option("--description <text>", "what it is for")
    .action(
      on(async (c: Context, name: string, o: Options) =>
        (await import("./commands/security-groups.ts")).createGroup(c, name, o),
      ),
    );
  group
    .command("set <group>")
    .description("change a security group; --rule replaces all of them")
    .option("--rule <rule>", rule, collect)
    .option("--description <text>", "what it is for")
    .action(
      on(async (c: Context, name: string, o: Options) =>
        (await import("./commands/security-groups.ts")).setGroup(c, name, o),
      ),
    );
  group
    .command("rm <group...>")
    .description("delete security groups that nothing names")
    .action(
      on(async (c: Context, names: string[]) =>
        (await import("./commands/security-groups.ts")).removeGroups(c, names),
      ),
    );
}
