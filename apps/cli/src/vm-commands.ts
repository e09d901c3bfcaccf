import { vmExportFormats } from "@serai/model/image-format";
import { Option, type Command } from "commander";
import type { SpecOptions } from "./commands/vm-change.ts";
import type { Context } from "./context.ts";
import type { On } from "./program.ts";
import { withDeviceOptions, withSpecOptions } from "./spec-options.ts";

export function addVmCommands(vm: Command, on: On): void {
  vm.command("ls")
    .description("list VMs")
    .option("-q, --quiet", "names only")
    .action(
      on(async (c: Context, o: { quiet?: boolean }) => (await import("./commands/vm-list.ts")).listVms(c, o)),
    );
  vm.command("show <vm>")
    .description("show all of a VM")
    .action(on(async (c: Context, name: string) => (await import("./commands/vm-list.ts")).showVm(c, name)));
  addSpecCommands(vm, on);
  addCopyCommands(vm, on);
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

function addSpecCommands(vm: Command, on: On): void {
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
}

function addCopyCommands(vm: Command, on: On): void {
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
