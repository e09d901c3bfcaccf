import { access, constants } from "node:fs/promises";
import { availableParallelism, cpus, freemem, hostname, release, totalmem } from "node:os";
import type { FoundJail } from "@serai/hypervisor/jail/jail";
import type { QemuInfo } from "@serai/hypervisor/qemu-info";
import type { VmDriver } from "@serai/hypervisor/vm-driver";
import type { HostReport, HostUsage } from "@serai/model/host";
import type { Pool } from "@serai/storage/pool";
import type { VmGroups } from "./vm-groups.ts";

type Known = {
  hostId: string;
  seraiVersion: string;
  isPrivileged: boolean;
  startedAt: string;
  qemu: QemuInfo;
  accelerator: { kind: "kvm" | "tcg"; reason: string };
  jail: FoundJail;
  groups: VmGroups;
  networks: HostReport["features"];
  pool: Pool;
  poolPath: string;
};

/** Gathers what is true of this host now. */
export async function describeHost(known: Known, signal: AbortSignal): Promise<HostReport> {
  const { qemu, accelerator, pool, poolPath } = known;
  return {
    id: known.hostId,
    name: hostname(),
    seraiVersion: known.seraiVersion,
    kernel: release(),
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
    memoryAvailableBytes: freemem(), // libuv reads MemAvailable
    accelerator,
    qemu: {
      path: qemu.path,
      version: qemu.version,
      machineTypes: qemu.machineTypes,
      defaultMachineType: qemu.defaultMachineType,
    },
    firmware: qemu.firmware === undefined ? ["bios"] : ["bios", "uefi"],
    pools: [{ name: pool.name, path: poolPath, ...(await pool.space(signal)) }],
    isPrivileged: known.isPrivileged,
    features: [
      { name: "kvm", isAvailable: accelerator.kind === "kvm", note: accelerator.reason },
      {
        name: "uefi",
        isAvailable: qemu.firmware !== undefined,
        note: qemu.firmware?.uefiCode ?? "install the ovmf package",
      },
      {
        name: "user per VM",
        isAvailable: known.isPrivileged,
        note: known.isPrivileged
          ? "each QEMU runs as a user of its own"
          : "needs root; all QEMUs run as your user",
      },
      { name: "jail", isAvailable: known.jail.jail !== undefined, note: known.jail.note },
      {
        name: "limits",
        isAvailable: known.groups.missing === undefined,
        note: known.groups.missing ?? "each VM's memory and processes are limited by the kernel",
      },
      await tunFeature(),
      ...known.networks,
    ],
    startedAt: known.startedAt,
  };
}

async function tunFeature(): Promise<HostReport["features"][number]> {
  const isAvailable = await access("/dev/net/tun", constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
  return {
    name: "tun",
    isAvailable,
    note: isAvailable ? "taps can be made" : "/dev/net/tun cannot be opened",
  };
}

/** Reads live figures; a VM that ends meanwhile is left out. */
export async function sampleUsage(
  drivers: readonly VmDriver[],
  at: string,
  signal: AbortSignal,
): Promise<HostUsage> {
  signal.throwIfAborted();
  const samples = await Promise.allSettled(drivers.map((driver) => driver.usage()));
  const times = cpus().map(({ times: { user, nice, sys, irq, idle } }) => ({
    busy: user + nice + sys + irq,
    idle,
  }));
  const busy = times.reduce((sum, cpu) => sum + cpu.busy, 0) / 1000;
  const idle = times.reduce((sum, cpu) => sum + cpu.idle, 0) / 1000;
  return {
    at,
    cpuSeconds: { busy, total: busy + idle },
    memoryBytes: totalmem(),
    memoryAvailableBytes: freemem(),
    vms: samples.flatMap((sample) =>
      sample.status === "fulfilled" && sample.value !== undefined ? [sample.value] : [],
    ),
  };
}
