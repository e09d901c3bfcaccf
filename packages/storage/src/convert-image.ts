import { chown, mkdir, open, rename, rm, stat, statfs } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Fault } from "@serai/kit/fault";
import type { DiskFormat } from "./formats/inspect-image.ts";
import { hostile } from "./formats/refusal.ts";
import type { ToolJail } from "./tool-jail.ts";

const MiB = 1024 * 1024;
/** Left free on the medium, so that thin volumes of running guests can grow a little. */
const marginBytes = 256 * MiB;
const nobody = 65534;

export type Conversion = {
  /** A folder of ours in which nothing else happens; the work is done in a folder inside it. */
  workFolder: string;
  from: {
    path: string;
    format: DiskFormat;
    virtualSizeBytes: number;
    /** Other files of the same folder are parts of it. */
    hasSiblings?: boolean;
    /** The length of what a stranger sent: what comes of it is bounded by that, too. */
    uploadBytes?: number;
    /** The image that a qcow2 volume is a copy of; whatever its header says, only this is read. */
    backing?: { path: string; format: "raw" | "qcow2" };
  };
  to: { path: string; format: string; options?: string };
  /** Who may read it, where that is not everybody. */
  user?: { uid: number; gid: number };
  deadlineMs: number;
};

/**
 * Converts a judged disk by qemu-img in a jail: the formats are told, never guessed. All or nothing.
 * Throws `pool.full` when the result does not fit what is free, `image.unreadable` when the content is damaged.
 */
export async function convertImage(
  { workFolder, from, to, user, deadlineMs }: Conversion,
  jail: ToolJail,
  signal: AbortSignal,
): Promise<void> {
  const output = join(workFolder, "converted");
  // Some formats note the name that they are written under, and some readers insist on it.
  const made = join(output, basename(to.path));
  await rm(output, { recursive: true, force: true });
  await mkdir(output, { mode: 0o700 });
  try {
    // Only this folder is the tool's to write in; what it wrote becomes ours afterwards.
    if (process.getuid?.() === 0) await chown(output, user?.uid ?? nobody, user?.gid ?? nobody);
    const maxFileBytes = await mostBytes(workFolder, from);
    const result = await jail.run(
      {
        argv: (seen) =>
          [
            ...["qemu-img", "convert", "-q", openOptions(from, seen), "-O", to.format],
            ...(to.options === undefined ? [] : ["-o", to.options]),
            seen(made),
          ] as unknown as [string, ...string[]],
        view: {
          readOnly: [
            from.hasSiblings === true ? [dirname(from.path), "/in"] : [from.path, "/in/disk"],
            ...(from.backing === undefined ? [] : [[from.backing.path, "/in/backing"] as [string, string]]),
          ],
          writable: [[output, "/out"]],
        },
        limits: {
          deadlineMs,
          maxMemoryBytes: 4096 * MiB,
          maxFileBytes,
          ...(user && { user }),
        },
      },
      signal,
    );
    if (result.exitCode !== 0) {
      const madeBytes = await stat(made).then(
        ({ size }) => size,
        () => 0,
      );
      if (from.uploadBytes !== undefined && madeBytes >= maxFileBytes - MiB) {
        throw hostile("It holds far more than its length allows, or more than there is room for.");
      }
      throw conversionFault(result.stderr, from.path);
    }
    await takeOver(made, to.path);
  } finally {
    await rm(output, { recursive: true, force: true });
  }
}

/** Whole disks are never compressed this well; a file that claims to be was made to fill the pool. */
const mostExpansion = 200;
const compressed: ReadonlySet<DiskFormat> = new Set<DiskFormat>(["vmdk", "qcow2"]);

/** No format has more than this on top of its content; nor may the result fill the medium. */
async function mostBytes(
  folder: string,
  { virtualSizeBytes, uploadBytes, format }: Conversion["from"],
): Promise<number> {
  const { bsize, bavail } = await statfs(folder);
  const free = bsize * bavail - marginBytes;
  if (free <= 0) throw full();
  const sent =
    uploadBytes === undefined ? Infinity : uploadBytes * (compressed.has(format) ? mostExpansion : 1.05);
  return Math.floor(Math.min(Math.min(virtualSizeBytes * 1.02, sent) + 64 * MiB, free));
}

/** What to open, told completely: nothing is left to a header. */
function openOptions({ path, format, backing }: Conversion["from"], seen: (path: string) => string): string {
  const file = (name: string) => ({ driver: "file", filename: seen(name) });
  return `json:${JSON.stringify({
    driver: format === "iso" ? "raw" : format,
    // A VHD has two sizes, and most that write them mean this one.
    ...(format === "vpc" && { force_size_calc: "current_size" }),
    ...(format === "qcow2" && { backing: backing === undefined ? null : baseOf(backing, file) }),
    file: file(path),
  })}`;
}

const baseOf = (
  { path, format }: NonNullable<Conversion["from"]["backing"]>,
  file: (name: string) => object,
): object => ({
  driver: format,
  ...(format === "qcow2" && { backing: null }),
  file: file(path),
});

async function takeOver(made: string, path: string): Promise<void> {
  {
    await using file = await open(made, "r+");
    if (process.getuid?.() === 0) await file.chown(0, 0);
    await file.chmod(0o444);
    await file.sync(); // the tool does not
  }
  await rename(made, path);
}

function conversionFault(stderr: string, path: string): Fault {
  const words = (stderr.trim().split("\n")[0] ?? "")
    .replace(/^qemu-img: /, "")
    .replaceAll(path, "the disk")
    .replaceAll("/in/disk", "the disk");
  if (/"write" lock/.test(words)) return new Fault("volume.locked", "The disk is in use: stop its VM first.");
  if (/no space left|file too large|file size limit/i.test(words)) return full();
  return new Fault(
    "image.unreadable",
    `The image cannot be used. Its content could not be converted: ${words || "it is damaged or far larger than it says"}`,
  );
}

const full = (): Fault =>
  new Fault(
    "pool.full",
    "The converted image does not fit what is free; delete volumes or images, or enlarge the pool.",
  );
