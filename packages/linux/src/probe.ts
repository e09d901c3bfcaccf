import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:fs";
import { access, open, readFile, statfs } from "node:fs/promises";
import os from "node:os";
import { openCgroups } from "./cgroup-layout.ts";

/** What a machine offers, looked at once at start-up. Plain data, so that it can be stored and shown. */
export type LinuxProbe = {
  kernelRelease: string;
  architecture: string;
  cpuCount: number;
  memoryTotalBytes: number;
  memoryAvailableBytes: number;
  diskFreeBytes: number;
  /** Says only that the device is there and may be opened; whether guests run on it, a probe guest tells. */
  kvmDevice: "usable" | "forbidden" | "absent";
  tunDevice: "usable" | "forbidden" | "absent";
  cgroups: { version: 1 | 2; controllers: string[] } | { version: "none"; reason: string };
  hasUserNamespaces: boolean;
  hasSystemd: boolean;
};

/** Looks at the machine, and at the file system that holds `stateFolder`. Changes nothing but our empty cgroup. */
export async function probeLinux(stateFolder: string, signal: AbortSignal): Promise<LinuxProbe> {
  const [memory, disk, kvmDevice, tunDevice, hasUserNamespaces, hasSystemd] = await Promise.all([
    readMemory(),
    statfs(stateFolder),
    probeDevice("/dev/kvm"),
    probeDevice("/dev/net/tun"),
    probeUserNamespaces(signal),
    exists("/run/systemd/system"),
  ]);
  return {
    kernelRelease: os.release(),
    architecture: os.arch(),
    cpuCount: os.availableParallelism(),
    ...memory,
    diskFreeBytes: disk.bavail * disk.bsize,
    kvmDevice,
    tunDevice,
    cgroups: probeCgroups(),
    hasUserNamespaces,
    hasSystemd,
  };
}

/** What the kernel says can be used now without swapping. */
export async function readMemory(): Promise<{ memoryTotalBytes: number; memoryAvailableBytes: number }> {
  const text = await readFile("/proc/meminfo", "utf8");
  const field = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0) * 1024;
  return { memoryTotalBytes: field("MemTotal"), memoryAvailableBytes: field("MemAvailable") };
}

function probeCgroups(): LinuxProbe["cgroups"] {
  const cgroups = openCgroups();
  if (!cgroups.isSupported) return { version: "none", reason: cgroups.reason };
  return { version: cgroups.version, controllers: Object.keys(cgroups.folders).sort() };
}

async function probeDevice(device: string): Promise<"usable" | "forbidden" | "absent"> {
  if (!(await exists(device))) return "absent";
  try {
    const file = await open(device, constants.O_RDWR);
    await file.close();
    return "usable";
  } catch {
    return "forbidden"; // the reason (mode, cgroup, missing driver) does not change what we can do
  }
}

/** Only trying tells: sysctls, LSMs and containers all have a say. */
async function probeUserNamespaces(signal: AbortSignal): Promise<boolean> {
  const child = spawn("unshare", ["--user", "--map-root-user", "true"], {
    stdio: "ignore",
    timeout: 5_000,
    signal,
  });
  try {
    const [code] = (await once(child, "close")) as [number | null];
    return code === 0;
  } catch {
    signal.throwIfAborted();
    return false; // no such program: nothing of ours could use one either
  }
}

async function exists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch {
    return false; // that is the answer
  }
}
