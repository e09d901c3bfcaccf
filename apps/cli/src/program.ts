import { diskExportFormats, importFormats, vmExportFormats } from "@serai/model/image-format";
import { Command, Option } from "commander";
import { createContext, type Context, type GlobalOptions } from "./context.ts";
import type { RunOptions } from "./commands/run.ts";
import type { SpecOptions } from "./commands/vm-change.ts";
import { exitCodeHelp } from "./exit-codes.ts";
import { addGroupCommands, addNetworkCommands } from "./network-commands.ts";

/** An action's arguments as commander passes them, behind the context. */
type Action = (context: Context, ...args: never[]) => Promise<void>;

/** Runs a command with a context of its own, and closes what it opened. */
const acting =
  (program: Command, action: Action) =>
  async (...args: unknown[]) => {
    const context = createContext(program.opts<GlobalOptions>());
    try {
      // The last argument is the Command itself, which no action needs.
      await (action as (context: Context, ...rest: unknown[]) => Promise<void>)(
        context,
        ...args.slice(0, -1),
      );
    } finally {
      context.close();
    }
  };

const collect = (value: string, before: string[] | undefined): string[] => [...(before ?? []), value];

const withSpecOptions = (command: Command): Command =>
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

const withDeviceOptions = (command: Command): Command =>
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

/** Every command there is. Modules load when their command runs, so that help and completion are quick. */
export function createProgram(): Command {
  const program = new Command("serai")
    .description("Runs virtual machines: on this machine, or on a Serai server.")
    .version("0.1.0")
    .option("--url <url>", "a server, such as https://host:7443 (or SERAI_URL, with SERAI_TOKEN)")
    .option("--socket <path>", "the local socket of a daemon (or SERAI_SOCKET)")
    .option("--json", "print JSON for programs")
    .showHelpAfterError("(add --help to see how)")
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .addHelpText("after", `\n${exitCodeHelp}`);
  const on = (action: Action) => acting(program, action);

  withDeviceOptions(program.command("run <image>"))
    .description("make a VM from an image, start it and join its serial port; needs no daemon and no root")
    .option("--name <name>", "name of the VM")
    .option("--cmdline <text>", "kernel command line")
    .option("-d, --detach", "leave it running in the background")
    .option("--rm", "delete it when its console ends")
    .action(
      on(async (context: Context, image: string, options: RunOptions) => {
        const { ensureDaemon } = await import("./daemon-on-demand.ts");
        const { url, socket } = program.opts<GlobalOptions>();
        const isLocal = url === undefined && socket === undefined && process.env["SERAI_URL"] === undefined;
        const { readLogin } = await import("./login-file.ts");
        if (isLocal && (await readLogin()) === undefined) await ensureDaemon(context.signal);
        await (await import("./commands/run.ts")).runImage(context, image, options);
      }),
    );
  addVmCommands(program.command("vm").description("virtual machines"), on);
  addImageCommands(program.command("image").description("images that VMs are made from"), on);
  addSnapshotCommands(program.command("snapshot").description("points in time of a VM"), on);
  addNetworkCommands(program.command("network").description("networks of VMs"), on);
  addGroupCommands(
    program.command("group").description("security groups: what NICs may receive and send"),
    on,
  );
  addOperationCommands(program, on);
  addHostCommands(program, on);
  addAccessCommands(program, on);
  return program;
}

export type On = (action: Action) => (...args: unknown[]) => Promise<void>;

function addVmCommands(vm: Command, on: On): void {
  vm.command("ls")
    .description("list VMs")
    .option("-q, --quiet", "names only")
    .action(
      on(async (c: Context, o: { quiet?: boolean }) => (await import("./commands/vm-list.ts")).listVms(c, o)),
    );
  vm.command("show <vm>")
    .description("show all of a VM")
    .action(on(async (c: Context, name: string) => (await import("./commands/vm-list.ts")).showVm(c, name)));
  withDeviceOptions(vm.command("create <name>"))
    .description("make a VM")
    .option("--image <image>", "image of the root disk")
    .option("--kernel <image>", "boot this kernel image directly")
    .option("--cmdline <text>", "kernel command line")
    .option("--start", "start it, too")
    .action(
      on(async (c: Context, name: string, o: SpecOptions & { start?: boolean }) =>
        (await import("./commands/vm-change.ts")).createVm(c, name, o),
      ),
    );
  withSpecOptions(vm.command("set <vm>"))
    .description("change a VM")
    .option("--name <name>", "a new name")
    .action(
      on(async (c: Context, name: string, o: SpecOptions & { name?: string }) =>
        (await import("./commands/vm-change.ts")).setVm(c, name, o),
      ),
    );
  vm.command("export <vm>")
    .description("write a stopped VM to a file: all of it (ova), or one disk")
    .addOption(new Option("--format <format>", "of the file").choices([...vmExportFormats]).default("ova"))
    .option("--disk <name>", "which disk, for formats of one (default: the first)")
    .option("-o, --output <file>", "where to; - is stdout (default: the VM's name)")
    .action(
      on(async (c: Context, name: string, o: { output?: string; format: string; disk?: string }) =>
        (await import("./commands/export.ts")).exportVm(c, name, o),
      ),
    );
  vm.command("clone <vm> <name>")
    .description("make another VM with the disks of a stopped one, or of a snapshot")
    .option("--full", "with a copy of its own, instead of linked to the original's disks")
    .option("--snapshot <name>", "as it was in this snapshot")
    .option("--start", "start it, too")
    .action(
      on(
        async (
          c: Context,
          vm: string,
          name: string,
          o: { full?: boolean; snapshot?: string; start?: boolean },
        ) => (await import("./commands/clone.ts")).cloneVm(c, vm, name, o),
      ),
    );
  addPowerCommands(vm, on);
  vm.command("rm <vm...>")
    .description("delete stopped VMs and their disks")
    .option("-f, --force", "end running ones first")
    .action(
      on(async (c: Context, vms: string[], o: { force?: boolean }) =>
        (await import("./commands/vm-change.ts")).removeVms(c, vms, o),
      ),
    );
  addInsideCommands(vm, on);
}

function addInsideCommands(vm: Command, on: On): void {
  vm.command("exec <vm> <argv...>")
    .description("run a program in the guest through its agent; put -- before a program that takes --json")
    .option("--timeout <seconds>", "how long it may run (default 60)")
    .option("--stdin", "send this command's input to it")
    .allowUnknownOption() // they are the program's
    .action(
      on(async (c: Context, name: string, argv: string[], o: { timeout?: string; stdin?: boolean }) =>
        (await import("./commands/vm-inside.ts")).execInVm(c, name, argv, o),
      ),
    );
  vm.command("console <vm>")
    .description("join the serial port; Ctrl-] leaves it")
    .action(
      on(async (c: Context, name: string) => {
        await (await import("./commands/vm-inside.ts")).openConsole(c, name);
      }),
    );
  vm.command("screenshot <vm> [file]")
    .description("write the screen to a PNG file (default VM.png, - for standard output)")
    .action(
      on(async (c: Context, name: string, file: string | undefined) =>
        (await import("./commands/vm-inside.ts")).screenshotVm(c, name, file),
      ),
    );
}

function addPowerCommands(vm: Command, on: On): void {
  const verbs = [
    ["start", "startVm", "start VMs, or resume suspended ones"],
    ["pause", "pauseVm", "pause running VMs in memory"],
    ["resume", "resumeVm", "resume paused VMs"],
    ["reset", "resetVm", "press the reset button"],
    ["suspend", "suspendVm", "suspend VMs to disk; start resumes them"],
  ] as const;
  for (const [name, verb, description] of verbs) {
    vm.command(`${name} <vm...>`)
      .description(description)
      .action(
        on(async (c: Context, vms: string[]) =>
          (await import("./commands/vm-change.ts")).powerVms(c, verb, vms),
        ),
      );
  }
  vm.command("stop <vm...>")
    .description("stop VMs: ask the guest, and end it at the deadline")
    .option("-f, --force", "end them at once")
    .option("--deadline <seconds>", "how long to wait for the guest (default 90)")
    .action(
      on(async (c: Context, vms: string[], o: { force?: boolean; deadline?: string }) =>
        (await import("./commands/vm-change.ts")).stopVms(c, vms, o),
      ),
    );
}

function addImageCommands(image: Command, on: On): void {
  image
    .command("ls")
    .description("list images")
    .option("--catalogue", "list what can be pulled by name instead")
    .action(
      on(async (c: Context, o: { catalogue?: boolean }) =>
        (await import("./commands/images.ts")).listImages(c, o),
      ),
    );
  image
    .command("import <file>")
    .description("send a disk image, ISO or appliance (OVA); repeat it to go on after an interruption")
    .option("--name <name>", "name of the image (default: the file's)")
    .addOption(new Option("--format <format>", "default: as the file looks").choices([...importFormats]))
    .action(
      on(async (c: Context, file: string, o: { name?: string; format?: string }) =>
        (await import("./commands/images.ts")).importImage(c, file, o),
      ),
    );
  image
    .command("pull <name>")
    .description("fetch an image from the catalogue, or from a URL")
    .option("--as <name>", "name of the image here")
    .option("--from <url>", "fetch from here")
    .option("--sha256 <hex>", "what it must be")
    .addOption(new Option("--format <format>", "of what is behind the URL").choices([...importFormats]))
    .action(
      on(
        async (
          c: Context,
          name: string,
          o: { as?: string; from?: string; sha256?: string; format?: string },
        ) => (await import("./commands/images.ts")).pullImage(c, name, o),
      ),
    );
  image
    .command("export <image>")
    .description("write an image to a file, in a format of your choice")
    .addOption(
      new Option("--format <format>", "of the file").choices([...diskExportFormats]).default("qcow2"),
    )
    .option("-o, --output <file>", "where to; - is stdout (default: the image's name)")
    .action(
      on(async (c: Context, name: string, o: { output?: string; format: string }) =>
        (await import("./commands/export.ts")).exportImage(c, name, o),
      ),
    );
  image
    .command("rm <image...>")
    .description("delete images that no VM uses")
    .action(
      on(async (c: Context, images: string[]) =>
        (await import("./commands/images.ts")).removeImages(c, images),
      ),
    );
}

function addSnapshotCommands(snapshot: Command, on: On): void {
  snapshot
    .command("ls <vm>")
    .description("list a VM's snapshots as a tree")
    .action(
      on(async (c: Context, vm: string) => (await import("./commands/snapshots.ts")).listSnapshots(c, vm)),
    );
  snapshot
    .command("create <vm> <name>")
    .description("take a snapshot of a VM that is stopped, runs or is paused")
    .option("--memory", "keep the running guest's memory, too")
    .option("--description <text>", "what it is for")
    .action(
      on(async (c: Context, vm: string, name: string, o: { memory?: boolean; description?: string }) =>
        (await import("./commands/snapshots.ts")).createSnapshot(c, vm, name, o),
      ),
    );
  snapshot
    .command("revert <vm> <snapshot>")
    .description("take a VM back to a snapshot; what it holds now is lost")
    .action(
      on(async (c: Context, vm: string, name: string) =>
        (await import("./commands/snapshots.ts")).revertToSnapshot(c, vm, name),
      ),
    );
  snapshot
    .command("rm <vm> <snapshot...>")
    .description("delete snapshots; the VM and the others stay as they are")
    .action(
      on(async (c: Context, vm: string, names: string[]) =>
        (await import("./commands/snapshots.ts")).removeSnapshots(c, vm, names),
      ),
    );
}

function addOperationCommands(program: Command, on: On): void {
  const operation = program.command("op").description("operations: the receipts of what was asked for");
  operation
    .command("ls")
    .description("list operations, newest first")
    .option("--limit <n>", "how many (default 50)")
    .action(
      on(async (c: Context, o: { limit?: string }) =>
        (await import("./commands/operations.ts")).listOperations(c, o),
      ),
    );
  operation
    .command("wait <operation>")
    .description("wait until it has ended; exits with 9 unless it succeeded")
    .action(
      on(async (c: Context, id: string) => (await import("./commands/operations.ts")).waitOperation(c, id)),
    );
  operation
    .command("cancel <operation>")
    .description("take its wish back")
    .action(
      on(async (c: Context, id: string) => (await import("./commands/operations.ts")).cancelOperation(c, id)),
    );
  program
    .command("events")
    .description("what happened, oldest first")
    .option("-f, --follow", "go on showing what happens")
    .option("--limit <n>", "how many to begin with (default 50)")
    .option("--target <vm>", "of this VM or image only")
    .action(
      on(async (c: Context, o: { follow?: boolean; limit?: string; target?: string }) =>
        (await import("./commands/operations.ts")).showEvents(c, o),
      ),
    );
}

function addHostCommands(program: Command, on: On): void {
  program
    .command("host")
    .description("this host")
    .command("show")
    .description("what it is, has and can do")
    .action(on(async (c: Context) => (await import("./commands/host.ts")).showHost(c)));
  program
    .command("top")
    .description("live figures of the host and its VMs")
    .option("--once", "show them once")
    .option("--interval <seconds>", "between two looks", "2")
    .action(
      on(async (c: Context, o: { once?: boolean; interval: string }) => {
        const { parseWhole } = await import("./parse-values.ts");
        const seconds = parseWhole(o.interval, "--interval", 1, 3600);
        await (
          await import("./commands/host.ts")
        ).top(c, { seconds, ...(o.once === true && { once: true }) });
      }),
    );
}

function addAccessCommands(program: Command, on: On): void {
  program
    .command("login <link>")
    .description("log in to a server with its one-time link and remember its certificate")
    .option("--fingerprint <sha256>", "the certificate to expect, instead of being asked")
    .option("--token-stdin", "read an API token from standard input instead of using a link's code")
    .action(
      on(async (c: Context, link: string, o: { fingerprint?: string; tokenStdin?: boolean }) =>
        (await import("./commands/login.ts")).login(c, link, o),
      ),
    );
  program
    .command("logout")
    .description("forget the server")
    .action(on(async (c: Context) => (await import("./commands/login.ts")).logout(c)));
  program
    .command("login-link")
    .description("make a one-time link for the console or another machine's serai login")
    .action(on(async (c: Context) => (await import("./commands/access.ts")).makeLoginLink(c)));
  const token = program.command("token").description("API tokens");
  token
    .command("ls")
    .description("list tokens")
    .action(on(async (c: Context) => (await import("./commands/access.ts")).listTokens(c)));
  token
    .command("create <name>")
    .description("make a token; its secret is printed this once")
    .addOption(
      new Option("--role <role>", "what it may do")
        .choices(["viewer", "operator", "admin"])
        .default("operator"),
    )
    .option("--days <n>", "how long it is good (default: until revoked)")
    .action(
      on(async (c: Context, name: string, o: { role: string; days?: string }) =>
        (await import("./commands/access.ts")).createToken(c, name, o),
      ),
    );
  token
    .command("rm <token>")
    .description("revoke a token")
    .action(
      on(async (c: Context, name: string) => (await import("./commands/access.ts")).removeToken(c, name)),
    );
}
