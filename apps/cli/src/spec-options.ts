import { Option, type Command } from "commander";

/** For an option that may be repeated. */
export const collect = (value: string, before: string[] | undefined): string[] => [...(before ?? []), value];

export const withSpecOptions = (command: Command): Command =>
  command
    .option("--description <text>", "what it is for")
    .option("--label <key=value>", "a label; may be repeated", collect)
    .option("--cpus <n>", "virtual CPUs")
    .option("--memory <size>", "memory, such as 512M or 2G")
    .addOption(new Option("--firmware <kind>", "firmware").choices(["bios", "uefi"]))
    .addOption(new Option("--display <kind>", "screen").choices(["vga", "none"]))
    .option("--watchdog", "a watchdog that notices a hung guest")
    .addOption(new Option("--on-shutdown <policy>", "when the guest shuts down").choices(["restart", "stop"]))
    .addOption(
      new Option("--on-panic <policy>", "when the guest panics").choices(["restart", "stop", "preserve"]),
    )
    .addOption(
      new Option("--on-hang <policy>", "when the guest hangs").choices(["restart", "stop", "preserve"]),
    )
    .addOption(new Option("--on-crash <policy>", "when its process dies").choices(["restart", "stop"]));

export const withDeviceOptions = (command: Command): Command =>
  withSpecOptions(command)
    .option("--disk-size <size>", "size of the root disk")
    .option(
      "--disk <spec>",
      "another disk, NAME:SIZE[:BUS] or NAME:image=IMAGE[:ro]; may be repeated",
      collect,
    )
    .option("--forward <ports>", "[tcp|udp:]HOSTPORT:GUESTPORT; may be repeated", collect)
    .option("--network <name>", "the network of its NIC (default: user)")
    .option("--group <name>", "a security group of its NIC; may be repeated", collect)
    .option("--no-nic", "no network");
