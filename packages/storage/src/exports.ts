import { createReadStream } from "node:fs";
import { chmod, mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { fileEnding, type DiskExportFormat } from "@serai/model/image-format";
import type { CompleteVmSpec } from "@serai/model/vm-spec";
import type { DiskAtRest } from "./export-disk.ts";
import { openToolJail, type ToolJail } from "./tool-jail.ts";

/** What goes out: bytes, and how many. Closing the stream, read or not, removes what was made for it. */
export type Export = { content: Readable; sizeBytes: number };

export type VmToExport = {
  spec: CompleteVmSpec;
  /** Those of the spec that have content, by name. */ disks: ReadonlyMap<string, DiskAtRest>;
};

export type Exports = {
  /** `name` is the file's name without ending: some formats note it, and some readers insist on it. */
  disk(
    disk: DiskAtRest,
    as: { name: string; format: DiskExportFormat },
    signal: AbortSignal,
  ): Promise<Export>;
  /** An OVA: description, manifest, and each disk as a stream-optimised vmdk. */
  appliance(vm: VmToExport, signal: AbortSignal): Promise<Export>;
};

/**
 * Makes exports in a folder that holds nothing else; what a crash left in it is removed at the first use.
 * Tools cannot write most formats to a pipe, so each export is a file first.
 */
export function openExports(directory: string): Exports {
  let opening: Promise<ToolJail> | undefined;
  const open = async (signal: AbortSignal): Promise<ToolJail> => {
    opening ??= rm(directory, { recursive: true, force: true })
      .then(() => mkdir(directory, { recursive: true, mode: 0o711 }))
      .then(() => openToolJail(signal));
    opening.catch(() => (opening = undefined)); // tried again next time
    return opening;
  };

  /** Runs `make` in a folder of its own, which goes when the stream is closed, or at once when there is none. */
  const inFolder = async (
    make: (folder: string, jail: ToolJail) => Promise<Export>,
    signal: AbortSignal,
  ): Promise<Export> => {
    const jail = await open(signal);
    const folder = await mkdtemp(join(directory, "export-"));
    const clear = () => rm(folder, { recursive: true, force: true });
    try {
      await chmod(folder, 0o711); // the jailed tool is another user, who must pass through
      const made = await make(folder, jail);
      made.content.once("close", () => void clear().catch(() => {})); // the next start removes it, then
      return made;
    } catch (error) {
      await clear();
      throw error;
    }
  };

  return {
    disk: (disk, { name, format }, signal) =>
      inFolder(async (folder, jail) => {
        // Exports are rare: what makes them is loaded for the first one.
        const { exportDisk } = await import("./export-disk.ts");
        const path = join(folder, `${name}.${fileEnding(format)}`);
        await exportDisk(disk, { folder, path, format }, jail, signal);
        return {
          content: createReadStream(path, { highWaterMark: 1024 * 1024 }),
          sizeBytes: (await stat(path)).size,
        };
      }, signal),

    appliance: (vm, signal) =>
      inFolder(async (folder, jail) => {
        const [{ exportDisk }, { packAppliance }] = await Promise.all([
          import("./export-disk.ts"),
          import("./ova/pack-appliance.ts"),
        ]);
        const files = new Map<string, { path: string; virtualSizeBytes: number }>();
        for (const [name, disk] of vm.disks) {
          const path = join(folder, `${vm.spec.name}-${name}.vmdk`);
          await exportDisk(disk, { folder, path, format: "vmdk" }, jail, signal);
          files.set(name, { path, virtualSizeBytes: disk.virtualSizeBytes });
        }
        return packAppliance(vm.spec, files, signal);
      }, signal),
  };
}
