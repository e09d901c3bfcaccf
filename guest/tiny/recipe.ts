import { chmod, copyFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { GuestBuildFailure } from "../failure.ts";
import type { BuildContext, GuestRecipe } from "../recipe.ts";
import {
  cpioDevice,
  cpioDirectory,
  type CpioEntry,
  cpioFile,
  cpioSymlink,
  cpioTree,
  packCpio,
} from "../steps/cpio.ts";
import { openDebianPackages } from "../steps/debian-packages.ts";
import { run } from "../steps/run.ts";
import { extractVmlinux } from "../steps/vmlinux.ts";
import { collectModules } from "./modules.ts";

/** qemu-ga and what it links against; its maintainer scripts and services are not wanted. */
const agentPackages = [
  "qemu-guest-agent",
  "libc6",
  "libglib2.0-0",
  "libpcre2-8-0",
  "libnuma1",
  "liburing2",
  "libudev1",
];
const agentLibraries = [
  "ld-linux-x86-64.so.2",
  "libc.so.6",
  "libm.so.6",
  "libglib-2.0.so.0",
  "libgmodule-2.0.so.0",
  "libpcre2-8.so.0",
  "libnuma.so.1",
  "liburing.so.2",
  "libudev.so.1",
];

/** Each word is explained in the README. Never add `tsc=reliable`: without KVM the clock ran nine times too fast. */
const cmdline = [
  "console=ttyS0",
  "quiet",
  "reboot=t",
  "panic=-1",
  "no_timer_check",
  "nokaslr",
  "mitigations=off",
  "init_on_alloc=0",
  "cryptomgr.notests",
  "8250.nr_uarts=1",
  "random.trust_cpu=on",
  "memhp_default_state=online",
].join(" ");

/** Debian's cloud kernel, busybox and the QEMU guest agent, in memory only. */
export const tiny: GuestRecipe = {
  name: "tiny",
  steps: ["steps/cpio.ts", "steps/debian-packages.ts", "steps/run.ts", "steps/vmlinux.ts"],
  async build(context, signal) {
    const { work, out, report } = context;
    const packages = await openDebianPackages(work, report, signal);
    const kernelPackage = await packages.resolve("linux-image-cloud-amd64", signal);
    const release = kernelPackage.replace(/^linux-image-/, "");
    const unpacked = join(work, "unpacked");
    await packages.unpack([kernelPackage, "busybox-static", ...agentPackages], unpacked, signal);

    report(`unpacking kernel ${release}`);
    const bzImage = join(unpacked, "boot", `vmlinuz-${release}`);
    await writeFile(join(out, "vmlinux"), extractVmlinux(await readFile(bzImage)));
    await copyFile(bzImage, join(out, "vmlinuz"));
    await chmod(join(out, "vmlinuz"), 0o644);

    report("packing the initramfs");
    const initrd = packCpio(await rootEntries({ context, unpacked, release }, signal));
    await writeFile(join(out, "initrd"), initrd);
    return {
      kind: "kernel",
      os: { family: "linux", id: "serai-tiny", version: release },
      files: { kernel: { path: "vmlinux" }, kernelUefi: { path: "vmlinuz" }, initrd: { path: "initrd" } },
      cmdline,
      firmware: ["bios", "uefi"],
      diskBuses: ["virtio-blk", "virtio-scsi", "nvme"],
      hasAgent: true,
      readyPattern: "^serai-tiny ready",
      description: "A Linux guest in memory: Debian's cloud kernel, busybox and the QEMU guest agent",
      minMemoryBytes: 128 << 20,
    };
  },
};

type RootInput = { context: BuildContext; unpacked: string; release: string };

async function rootEntries(
  { context, unpacked, release }: RootInput,
  signal: AbortSignal,
): Promise<CpioEntry[]> {
  const busybox = join(unpacked, "bin/busybox");
  const applets = await run(
    [busybox, "--list"],
    { deadlineMs: 10_000, purpose: "list busybox's applets" },
    signal,
  );
  const modules = await collectModules({ unpacked, release, work: context.work, busybox }, signal);
  const entries = [
    ...["dev", "proc", "sys", "run", "tmp", "root", "mnt", "bin", "lib", "usr/bin", "usr/sbin", "var"].map(
      cpioDirectory,
    ),
    cpioDevice("dev/console", 5, 1),
    cpioDevice("dev/null", 1, 3),
    cpioSymlink("lib64", "lib"),
    cpioSymlink("var/run", "../run"),
    cpioSymlink("etc/mtab", "../proc/mounts"),
    cpioFile("bin/busybox", await readFile(busybox), 0o755),
    ...applets
      .split("\n")
      .filter((name) => name !== "busybox")
      .map((name) => cpioSymlink(`bin/${name}`, "busybox")),
    cpioFile("usr/sbin/qemu-ga", await readFile(join(unpacked, "usr/sbin/qemu-ga")), 0o755),
  ];
  for (const library of agentLibraries) {
    entries.push(cpioFile(`lib/${library}`, await readLibrary(unpacked, library), 0o755));
  }
  entries.push(...modules, ...(await cpioTree(join(context.recipe, "root"))));
  entries.push(cpioFile("etc/kernel-release", Buffer.from(`${release}\n`)));
  return entries;
}

async function readLibrary(unpacked: string, name: string): Promise<Buffer> {
  for (const folder of ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"]) {
    const files = await readdir(join(unpacked, folder)).catch((): string[] => []);
    if (files.includes(name)) return readFile(join(unpacked, folder, name));
  }
  throw new GuestBuildFailure(
    `The guest agent's library ${name} is in none of the packages ${agentPackages.join(" ")}.`,
  );
}
