import type { Command } from "commander";
import type { Context } from "./context.ts";
import type { On } from "./program.ts";

export function addSnapshotCommands(snapshot: Command, on: On): void {
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
