import { Fault } from "@serai/kit/fault";
import type { ByteSource } from "./byte-source.ts";

/** Larger disks are refused: an 8 MiB file can claim 500 TiB, and tools allocate tables for it. */
export const maxVirtualSizeBytes = 64 * 1024 ** 4;

/** Content that would make a reader open other files, or exhaust it. */
export const hostile = (reason: string): Fault =>
  new Fault("image.hostile", `The image is refused. ${reason}`);

/** Content that is damaged, truncated, or not what it was declared to be. */
export const unreadable = (reason: string): Fault =>
  new Fault("image.unreadable", `The image cannot be used. ${reason}`);

/** The virtual size as a number, when it is one that a disk here may have. */
export function checkedSize(bytes: bigint | number): number {
  if (bytes > maxVirtualSizeBytes)
    throw hostile(`It claims ${bytes} bytes; the most is ${maxVirtualSizeBytes}.`);
  const size = Number(bytes);
  if (size === 0 || size % 512 !== 0) throw unreadable("Its size is not a whole number of sectors.");
  return size;
}

/** Reads exactly so many bytes, or says that the file is truncated. */
export async function readWhole(
  source: ByteSource,
  at: number | bigint,
  length: number,
  what: string,
): Promise<Buffer> {
  const bytes = await source.read(Number(at), length);
  if (bytes.length < length) throw unreadable(`It is truncated: its ${what} lies beyond its end.`);
  return bytes;
}
