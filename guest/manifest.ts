import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";

export type DiskFile = { path: string; format: "qcow2"; sizeBytes: number };
export type PlainFile = { path: string };

/** What a built image says about itself; kept as `manifest.json` beside its files. */
export type GuestManifest = {
  name: string;
  /** `disk` boots from its disk; `kernel` is started by QEMU with `-kernel`. */
  kind: "disk" | "kernel";
  os: { family: string; id: string; version: string };
  /** Paths are file names in manifest.json, absolute in what {@link readGuestImage} returns. */
  files: {
    disk?: DiskFile;
    kernel?: PlainFile;
    /** The same kernel in the form that UEFI firmware can load; use it instead of `kernel` there. */
    kernelUefi?: PlainFile;
    initrd?: PlainFile;
  };
  cmdline?: string;
  firmware: ("bios" | "uefi")[];
  /** Disk controllers the guest has drivers for; absent when it uses no disk. */
  diskBuses?: ("virtio-blk" | "virtio-scsi" | "nvme")[];
  hasAgent: boolean;
  /** The line on the first serial port that tells the guest is up; a regular expression. */
  readyPattern: string;
  description: string;
  minMemoryBytes: number;
  /** By file name. */
  sha256: Record<string, string>;
};

export type GuestImage = GuestManifest & { dir: string };

export const manifestName = "manifest.json";

/** Reads an image that was built before; undefined when there is none or a file of it is gone. */
export async function readGuestImage(dir: string): Promise<GuestImage | undefined> {
  const text = await readFile(join(dir, manifestName), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const manifest = JSON.parse(text) as GuestManifest;
  const files: GuestManifest["files"] = {};
  for (const [role, file] of Object.entries(manifest.files)) {
    const path = join(dir, file.path);
    if ((await stat(path).catch(() => undefined)) === undefined) return undefined;
    Object.assign(files, { [role]: { ...file, path } });
  }
  return { ...manifest, files, dir };
}

/** The checksums of an image's files, by file name. */
export async function checksums(dir: string, files: GuestManifest["files"]): Promise<Record<string, string>> {
  const sums: Record<string, string> = {};
  for (const { path } of Object.values(files)) {
    const hash = createHash("sha256");
    for await (const chunk of createReadStream(join(dir, path))) hash.update(chunk as Buffer);
    sums[path] = hash.digest("hex");
  }
  return sums;
}
