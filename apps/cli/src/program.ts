import { Command, Option } from "commander";
import { createContext, type Context, type GlobalOptions } from "./context.ts";
import type { RunOptions } from "./commands/run.ts";
import { exitCodeHelp } from "./exit-codes.ts";
import { addImageCommands } from "./image-commands.ts";
import { addGroupCommands, addNetworkCommands } from "./network-commands.ts";
import { addSnapshotCommands } from "./snapshot-commands.ts";
import { withDeviceOptions } from "./spec-options.ts";
import { addVmCommands } from "./vm-commands.ts";

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
