import { copyFile, mkdir, readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { GuestBuildFailure } from "../failure.ts";
import { type CpioEntry, cpioTree } from "../steps/cpio.ts";
import { run } from "../steps/run.ts";

/** What the guest may meet; what these depend on is found by reading the modules. */
const wanted = [
  "virtio_pci",
  "virtio_console",
  "virtio_blk",
  "virtio_scsi",
  "sd_mod",
  "sr_mod",
  "virtio_net",
  "virtio_balloon",
  "virtio_mem",
  "virtio-rng",
  "virtio_input",
  "pvpanic-pci",
  "pvpanic-mmio",
  "button",
  "evdev",
  "vfat",
  "nls_cp437",
  "nls_ascii",
  "nls_utf8",
  "isofs",
  "qemu_fw_cfg",
  "wdat_wdt",
];

type ModuleInput = { unpacked: string; release: string; work: string; busybox: string };

/** The wanted kernel modules with all they need, and the index that modprobe reads. */
export async function collectModules(
  { unpacked, release, work, busybox }: ModuleInput,
  signal: AbortSignal,
): Promise<CpioEntry[]> {
  const source = join(unpacked, "lib/modules", release);
  const paths = new Map<string, string>();
  for (const path of await readdir(source, { recursive: true })) {
    const name = /([^/]+)\.ko$/.exec(path)?.[1];
    if (name !== undefined) paths.set(plain(name), path);
  }
  const target = join(work, "modules/lib/modules", release);
  const taken = new Set<string>();
  const queue = wanted.map(plain);
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    if (taken.has(name)) continue;
    taken.add(name);
    const path = paths.get(name);
    if (path === undefined) throw new GuestBuildFailure(`The kernel ${release} has no module ${name}.`);
    await mkdir(dirname(join(target, path)), { recursive: true });
    await copyFile(join(source, path), join(target, path));
    queue.push(...(await dependencies(join(source, path))));
  }
  await run(
    [busybox, "depmod", "-b", join(work, "modules"), release],
    { deadlineMs: 60_000, purpose: "index the kernel modules" },
    signal,
  );
  return cpioTree(join(work, "modules"));
}

async function dependencies(path: string): Promise<string[]> {
  const text = await readFile(path, "latin1");
  const listed = /\0depends=([^\0]*)\0/.exec(text)?.[1] ?? "";
  return listed
    .split(",")
    .filter((name) => name !== "")
    .map(plain);
}

/** Module names treat "-" and "_" as the same. */
function plain(name: string): string {
  return name.replaceAll("-", "_");
}
