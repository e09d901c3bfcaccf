import { open, stat } from "node:fs/promises";
import { Fault } from "@serai/kit/fault";
import type { VolumeWish } from "./pool.ts";
import { runTool, type ToolResult } from "./run-tool.ts";

/** For copy-on-write: a small write costs 4 KiB, not a whole cluster. */
const qcow2Options = "cluster_size=128k,extended_l2=on,lazy_refcounts=on";
const toolDeadlineMs = 30_000;
const copyDeadlineMs = 15 * 60_000;

/** Makes a qcow2 file: blank, over its image, or with a copy of it. */
export async function createVolumeFile(
  path: string,
  wish: VolumeWish,
  how: "linked" | "copied",
  signal: AbortSignal,
): Promise<void> {
  const { base, sizeBytes, disk } = wish;
  if (base !== undefined && how === "copied") {
    const argv = [
      "qemu-img",
      "convert",
      "-q",
      "-f",
      base.format,
      "-O",
      "qcow2",
      "-o",
      qcow2Options,
      base.path,
      path,
    ] as const;
    made(await runTool([...argv], { deadlineMs: copyDeadlineMs }, signal), disk);
    if (sizeBytes > base.virtualSizeBytes) await resize(path, sizeBytes, signal);
    return;
  }
  const backing = base === undefined ? [] : ["-b", base.path, "-F", base.format];
  const argv = [
    "qemu-img",
    "create",
    "-q",
    "-f",
    "qcow2",
    "-o",
    qcow2Options,
    ...backing,
    path,
    String(sizeBytes),
  ] as const;
  made(await runTool([...argv] as [string, ...string[]], { deadlineMs: toolDeadlineMs }, signal), disk);
}

function made(result: ToolResult, disk: string): void {
  if (result.exitCode === 0) return;
  throw new Fault(
    "pool.full",
    `Volume ${disk} could not be created: ${result.stderr.trim() || "no reason given"}.`,
  );
}

/** Enlarges a qcow2 file that nobody has open; QEMU's lock on it is asked. Never shrinks. */
export async function growVolumeFile(path: string, sizeBytes: number, signal: AbortSignal): Promise<void> {
  if ((await sizeOfVolumeFile(path)) >= sizeBytes) return;
  await resize(path, sizeBytes, signal);
}

async function resize(path: string, sizeBytes: number, signal: AbortSignal): Promise<void> {
  const result = await runTool(
    ["qemu-img", "resize", "-q", "-f", "qcow2", path, String(sizeBytes)],
    { deadlineMs: toolDeadlineMs },
    signal,
  );
  if (result.exitCode === 0) return;
  if (/lock/.test(result.stderr))
    throw new Fault("volume.locked", "The volume is in use: stop its VM first.");
  throw new Fault(
    "pool.full",
    `The volume could not be enlarged: ${result.stderr.trim() || "no reason given"}.`,
  );
}

/** The size a guest sees, from the header. Throws `volume.not_found`. */
export async function sizeOfVolumeFile(path: string): Promise<number> {
  try {
    await using file = await open(path);
    const { buffer } = await file.read(Buffer.alloc(32), 0, 32, 0);
    return Number(buffer.readBigUInt64BE(24));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new Fault("volume.not_found", "There is no such volume in this pool.");
  }
}

export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

/** Left free on the medium, so that thin volumes of running guests can grow a little. */
export const marginBytes = 256 * 1024 * 1024;

/** Throws `pool.full` when less than the margin is left. */
export function checkRoom(pool: string, availableBytes: number): void {
  if (availableBytes >= marginBytes) return;
  throw new Fault(
    "pool.full",
    `Pool ${pool} has ${mib(availableBytes)} MiB left and keeps ${mib(marginBytes)} MiB free; delete volumes or images, or enlarge it.`,
    { details: { pool, availableBytes, marginBytes } },
  );
}

const mib = (bytes: number): number => Math.floor(bytes / 1024 / 1024);
