import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import type { GuestRecipe } from "../recipe.ts";
import { openDebianPackages } from "../steps/debian-packages.ts";

/** Memtest86+: a guest that is not Linux. It draws on the VGA screen and on the serial port alike. */
export const memtest86: GuestRecipe = {
  name: "memtest86",
  steps: ["steps/debian-packages.ts", "steps/run.ts"],
  async build({ work, out, report }, signal) {
    const packages = await openDebianPackages(work, report, signal);
    const unpacked = join(work, "unpacked");
    await packages.unpack(["memtest86+"], unpacked, signal);
    await copyFile(join(unpacked, "boot/memtest86+x64.bin"), join(out, "memtest.bin"));
    await copyFile(join(unpacked, "boot/memtest86+x64.efi"), join(out, "memtest.efi"));
    return {
      kind: "kernel",
      os: { family: "other", id: "memtest86+", version: "6.10" },
      files: { kernel: { path: "memtest.bin" }, kernelUefi: { path: "memtest.efi" } },
      cmdline: "console=ttyS0,115200",
      firmware: ["bios", "uefi"],
      hasAgent: false,
      readyPattern: "Memtest86\\+",
      description: "Memtest86+, a memory tester that runs without an operating system",
      minMemoryBytes: 64 << 20,
    };
  },
};
