import { rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Fault } from "@serai/kit/fault";
import { convertImage } from "./convert-image.ts";
import { inspectImage, type DiskFormat } from "./formats/inspect-image.ts";
import type { ToolJail } from "./tool-jail.ts";

/** A disk as the library keeps it. */
export type TakenDisk = {
  file: string;
  format: "raw" | "qcow2" | "iso";
  virtualSizeBytes: number;
  sizeBytes: number;
};

export type DiskToTake = {
  /** Our own copy; gone afterwards. */
  path: string;
  format: DiskFormat;
  /** Where the result goes, and its name without ending. */
  folder: string;
  name: string;
  /** Files that came along with it, by name, with their lengths: a descriptor may name these and no others. */
  siblings?: ReadonlyMap<string, number>;
};

const checkDeadlineMs = 120_000;
const convertDeadlineMs = 55 * 60_000;

/** Judges a disk by its header, then by a jailed check of its structure, and keeps it, as qcow2 when it is of a foreign format. */
export async function takeDisk(
  { path, format, folder, name, siblings }: DiskToTake,
  jail: ToolJail,
  signal: AbortSignal,
): Promise<TakenDisk> {
  const { virtualSizeBytes, isNative } = await inspectImage(path, format, siblings);
  const hasSiblings = siblings !== undefined;
  if (format === "qcow2" || format === "vmdk")
    await checkStructure({ path, format, hasSiblings }, jail, signal);
  const kept = isNative ? (format as TakenDisk["format"]) : "qcow2";
  const file = `${name}.${kept}`;
  if (isNative) {
    await rename(path, join(folder, file));
  } else {
    const to = { path: join(folder, file), format: "qcow2" };
    const uploadBytes = siblings === undefined ? (await stat(path)).size : sum(siblings.values());
    const from = { path, format, virtualSizeBytes, hasSiblings, uploadBytes };
    await convertImage({ workFolder: folder, from, to, deadlineMs: convertDeadlineMs }, jail, signal);
    if (!hasSiblings) await rm(path, { force: true });
  }
  const { blocks, size } = await stat(join(folder, file));
  return { file, format: kept, virtualSizeBytes, sizeBytes: isNative ? size : Math.min(size, blocks * 512) };
}

const sum = (lengths: Iterable<number>): number => [...lengths].reduce((all, length) => all + length, 0);

type Structure = { path: string; format: "qcow2" | "vmdk"; hasSiblings: boolean };

/** Finds content that is said to be there and is not: it would read as zeros, without a word. */
async function checkStructure(
  { path, format, hasSiblings }: Structure,
  jail: ToolJail,
  signal: AbortSignal,
): Promise<void> {
  const result = await jail.run(
    {
      argv: (seen) => ["qemu-img", "check", "-q", "-f", format, seen(path)],
      view: { readOnly: [hasSiblings ? [dirname(path), "/in"] : [path, "/in/disk"]], writable: [] },
      limits: { deadlineMs: checkDeadlineMs, maxMemoryBytes: 2 * 1024 ** 3 },
    },
    signal,
  );
  // 3 = leaked clusters only: wasted space, correct data.
  if (result.exitCode === 0 || result.exitCode === 3) return;
  const words =
    result.stderr
      .trim()
      .split("\n")
      .slice(-1)[0]
      ?.replace(/^qemu-img: /, "") ?? "";
  throw new Fault(
    "image.unreadable",
    `The image cannot be used. Its structure is damaged or truncated: ${words}`,
  );
}
