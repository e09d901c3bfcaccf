import { delay } from "@serai/kit/deadline";
import { listAll } from "@serai/api-contract/client";
import type { HostUsage } from "@serai/model/host";
import type { Context } from "../context.ts";
import { bytes, duration, facts, plain, table } from "../terminal-text.ts";

export async function showHost(context: Context): Promise<void> {
  const host = await (await context.client()).call("getHost", {}, context.signal);
  context.show(host, () =>
    [
      facts([
        ["Name", `${host.name} (${host.id})`],
        ["Serai", host.seraiVersion],
        ["Kernel", host.kernel],
        ["QEMU", `${host.qemu.version}, ${host.qemu.path}, new VMs get ${host.qemu.defaultMachineType}`],
        ["Accelerator", `${host.accelerator.kind}: ${host.accelerator.reason}`],
        ["Firmware", host.firmware.join(", ")],
        ["CPUs", String(host.cpus)],
        ["Memory", `${bytes(host.memoryBytes)}, ${bytes(host.memoryAvailableBytes)} available`],
        ...host.pools.map(
          (pool) =>
            [
              `Pool ${pool.name}`,
              `${pool.path}, ${bytes(pool.availableBytes)} of ${bytes(pool.capacityBytes)} available`,
            ] as const,
        ),
        [
          "Isolation",
          host.isPrivileged
            ? "each guest runs as a user of its own"
            : "guests run as your user; as root each gets its own",
        ],
        ["Up", duration(Date.now() - Date.parse(host.startedAt))],
      ]),
      "",
      table(
        ["FEATURE", "", "NOTE"],
        host.features.map((feature) => [feature.name, feature.isAvailable ? "yes" : "no", feature.note]),
      ),
    ].join("\n"),
  );
}

/** Live figures, as rates between two samples; with `once`, the first such pair. */
export async function top(context: Context, options: { once?: boolean; seconds: number }): Promise<void> {
  const client = await context.client();
  const sample = () => client.call("getHostUsage", {}, context.signal);
  let before: HostUsage = await sample();
  for (;;) {
    await delay(options.seconds * 1000, context.signal);
    const now = await sample();
    const names = new Map<string, string>();
    for await (const vm of listAll(client, "listVms", {}, context.signal)) names.set(vm.id, vm.name);
    if (context.isJson) context.say(JSON.stringify({ before, now }));
    else context.say(`${options.once === true ? "" : "\u001b[2J\u001b[H"}${screen(before, now, names)}`);
    if (options.once === true) return;
    before = now;
  }
}

function screen(before: HostUsage, now: HostUsage, names: ReadonlyMap<string, string>): string {
  const seconds = (Date.parse(now.at) - Date.parse(before.at)) / 1000 || 1;
  const earlier = new Map(before.vms.map((vm) => [vm.vm, vm]));
  const busy =
    (now.cpuSeconds.busy - before.cpuSeconds.busy) / (now.cpuSeconds.total - before.cpuSeconds.total || 1);
  const rows = now.vms
    .map((vm) => {
      const was = earlier.get(vm.vm);
      const rate = (pick: (usage: typeof vm) => number) =>
        was === undefined ? 0 : Math.max(0, (pick(vm) - pick(was)) / seconds);
      return {
        vm,
        cpu: rate((u) => u.cpuSeconds),
        read: rate((u) => u.diskReadBytes),
        written: rate((u) => u.diskWrittenBytes),
      };
    })
    .toSorted((a, b) => b.cpu - a.cpu);
  return [
    `CPU ${(busy * 100).toFixed(0)} %, memory ${bytes(now.memoryBytes - now.memoryAvailableBytes)} of ${bytes(now.memoryBytes)}, ${now.vms.length} VMs running`,
    "",
    table(
      ["NAME", "CPU", "RESIDENT", "GUEST MEMORY", "READ/S", "WRITTEN/S", "UP"],
      rows.map(({ vm, cpu, read, written }) => [
        plain(names.get(vm.vm) ?? vm.vm),
        `${(cpu * 100).toFixed(0)} %`,
        bytes(vm.residentBytes),
        bytes(vm.guestMemoryBytes),
        bytes(Math.round(read)),
        bytes(Math.round(written)),
        duration(vm.uptimeSeconds * 1000),
      ]),
    ),
  ].join("\n");
}
