import type { ImportFormat } from "@serai/model/image-format";
import { openByteSource } from "./byte-source.ts";
import { headerBytes, readImageHeader } from "./image-header.ts";
import { readVdi } from "./vdi.ts";
import { readVhdx } from "./vhdx.ts";
import { readVmdk } from "./vmdk.ts";
import { readVpc } from "./vpc.ts";

export type DiskFormat = Exclude<ImportFormat, "ova">;

export type Inspected = {
  virtualSizeBytes: number;
  /** Kept as it is; other formats are converted first. */
  isNative: boolean;
};

/**
 * Judges a file by our own reading of it, before any tool opens it. Throws `image.hostile` or `image.unreadable`.
 * The file must be our own by now: judged is what is here at this moment.
 */
export async function inspectImage(
  path: string,
  format: DiskFormat,
  siblings?: ReadonlyMap<string, number>,
): Promise<Inspected> {
  await using source = await openByteSource(path);
  switch (format) {
    case "vmdk":
      return { virtualSizeBytes: await readVmdk(source, siblings), isNative: false };
    case "vhdx":
      return { virtualSizeBytes: await readVhdx(source), isNative: false };
    case "vpc":
      return { virtualSizeBytes: await readVpc(source), isNative: false };
    case "vdi":
      return { virtualSizeBytes: await readVdi(source), isNative: false };
    default: {
      const { virtualSizeBytes } = readImageHeader(
        await source.read(0, headerBytes),
        source.sizeBytes,
        format,
      );
      return { virtualSizeBytes, isNative: true };
    }
  }
}
