import { listAll } from "@serai/api-contract/client";
import type { VmView } from "@serai/api-contract/schemas";
import type { Context } from "../context.ts";
import { bytes, facts, plain, since, table } from "../terminal-text.ts";

export async function listVms(context: Context, options: { quiet?: boolean }): Promise<void> {
  const vms: VmView[] = [];
  for await (const vm of listAll(await context.client(), "listVms", {}, context.signal)) vms.push(vm);
  if (options.quiet === true) return context.say(vms.map(({ name }) => name).join("\n"));
  context.show(vms, () =>
    vms.length === 0
      ? "There are no VMs yet; make one with serai run IMAGE or serai vm create."
      : table(
          ["NAME", "ID", "STATE", "CPUS", "MEMORY", "AGENT", "ADDRESSES", "UP"],
          vms.map((vm) => [
            vm.name,
            vm.id,
            stateOf(vm),
            String(vm.cpus),
            bytes(vm.memoryBytes),
            vm.agent,
            vm.addresses.map(plain).join(", "),
            vm.startedAt === undefined || vm.state === "absent" ? "" : since(vm.startedAt, Date.now()),
          ]),
        ),
  );
}

/** The state in a word, with what stands against it. */
export function stateOf(vm: VmView): string {
  if (vm.isDeleting) return "deleting";
  const state = vm.state === "absent" ? "stopped" : vm.state;
  if (vm.trouble !== undefined)
    return `${state} (${vm.trouble.kind === "guest_panic" ? "panicked" : "hung"})`;
  if (vm.restartAt !== undefined && vm.state === "absent") return "restarting";
  if (vm.fault !== undefined) return `${state} (fault)`;
  return state;
}

export async function showVm(context: Context, reference: string): Promise<void> {
  const vm = await (await context.client()).call("getVm", { params: { vm: reference } }, context.signal);
  context.show(vm, () =>
    facts([
      ["Name", vm.name],
      ["Id", vm.id],
      ["Description", plain(vm.description)],
      [
        "Labels",
        Object.entries(vm.labels)
          .map(([key, value]) => `${key}=${plain(value)}`)
          .join(", "),
      ],
      ["State", `${stateOf(vm)}, wanted ${vm.power}`],
      ["Fault", vm.fault && plain(vm.fault.message)],
      ["Trouble", vm.trouble && `${vm.trouble.kind} at ${vm.trouble.at}`],
      ["Last exit", vm.exit && `${vm.exit.cause} at ${vm.exit.at}: ${plain(vm.exit.detail)}`],
      [
        "Restarts",
        vm.restarts === 0
          ? undefined
          : `${vm.restarts}${vm.restartAt === undefined ? "" : `, next at ${vm.restartAt}`}`,
      ],
      ["CPUs", String(vm.cpus)],
      ["Memory", bytes(vm.memoryBytes)],
      ["Firmware", `${vm.firmware}, ${vm.machineType}`],
      ["Accelerator", vm.accelerator],
      ["Kernel", vm.kernel && `${vm.kernel.image} ${vm.kernel.cmdline ?? ""}`.trim()],
      ...vm.disks.map(
        (disk) =>
          [
            `Disk ${disk.name}`,
            `${disk.bus}${disk.sizeBytes === undefined ? "" : `, ${bytes(disk.sizeBytes)}`}${disk.image === undefined ? "" : `, from ${disk.image}`}${disk.isReadOnly ? ", read-only" : ""}`,
          ] as const,
      ),
      ...vm.nics.map(
        (nic) =>
          [
            `NIC ${nic.name}`,
            `${nic.model}, ${nic.network}, ${nic.mac}${nic.groups === undefined ? "" : `, groups ${nic.groups.join(" ")}`}${nic.forwards.map((f) => `, ${f.protocol} ${f.hostPort}→${f.guestPort}`).join("")}`,
          ] as const,
      ),
      ["Addresses", vm.addresses.map(plain).join(", ")],
      ["Agent", vm.agent],
      ["Display", vm.display],
      [
        "Policy",
        `shutdown ${vm.policy.onShutdown}, panic ${vm.policy.onPanic}, hang ${vm.policy.onHang}, crash ${vm.policy.onCrash}`,
      ],
      ["Process", vm.pid === undefined ? undefined : String(vm.pid)],
      ["Created", vm.createdAt],
      ["Generation", String(vm.generation)],
    ]),
  );
}
