import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { SweepReport } from "@serai/model/host-request";
import type { Intents } from "./intent-source.ts";

type SweepWorld = {
  directories: { vms: string; volumes: string; images: string };
  intents: Intents;
  isBusy(vm: string): boolean;
  /** Ends and removes all of a VM that has no record. */
  release(vm: string): Promise<void>;
};

/**
 * Removes what crashes and lost requests left behind: VMs, volumes, images and QEMU processes whose record
 * does not exist. Intent is always written before anything is made, so what has no record has no owner.
 */
export async function sweepHost(world: SweepWorld, signal: AbortSignal): Promise<SweepReport> {
  const { directories, intents } = world;
  const removed: string[] = [];
  // Listed before the intents are read: what is made in between already has its record by then.
  const folders = new Set([...(await readdir(directories.vms)), ...(await readdir(directories.volumes))]);
  const images = await readdir(directories.images);
  const processes = await qemuProcesses(directories.vms);
  const vms = intents.vmIds();
  for (const vm of folders) {
    signal.throwIfAborted();
    if (vms.has(vm)) continue;
    await world.release(vm);
    removed.push(`VM ${vm}: its record is gone`);
  }
  for (const { pid, vm } of processes) {
    if (vms.has(vm) || world.isBusy(vm)) continue;
    if (kill(pid)) removed.push(`process ${pid}: a QEMU of VM ${vm}, whose record is gone`);
  }
  const known = intents.imageIds();
  for (const image of images) {
    signal.throwIfAborted();
    if (known.has(image.replace(/\.part$/, ""))) continue;
    await rm(join(directories.images, image), { recursive: true, force: true });
    removed.push(`image ${image}: its record is gone`);
  }
  return { removed };
}

/** Processes that have a file below `<vms>/<id>/` on their command line. */
async function qemuProcesses(vmsDirectory: string): Promise<{ pid: number; vm: string }[]> {
  const found: { pid: number; vm: string }[] = [];
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const cmdline = await readFile(`/proc/${entry}/cmdline`, "utf8").catch(() => ""); // it ended meanwhile
    const at = cmdline.indexOf(`${vmsDirectory}/`);
    if (at === -1 || !(cmdline.split("\0")[0] ?? "").includes("qemu-system")) continue;
    const vm = /^[a-z0-9-]+/.exec(cmdline.slice(at + vmsDirectory.length + 1))?.[0];
    if (vm !== undefined) found.push({ pid: Number(entry), vm });
  }
  return found;
}

function kill(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}
