import type { ByteSource } from "./byte-source.ts";
import { checkedSize, hostile, readWhole, unreadable } from "./refusal.ts";

const at = { cookie: 0, next: 16, size: 48, type: 60, checksum: 64 } as const;
const dynamic = {
  cookie: 0,
  table: 16,
  entries: 28,
  blockSize: 32,
  checksum: 36,
  parent: 40,
  locators: 576,
} as const;
const unused = 0xffffffff;

/** Judges a Virtual PC (VHD) disk; answers its virtual size. Layout: Microsoft's "Virtual Hard Disk Image Format". */
export async function readVpc(source: ByteSource): Promise<number> {
  const first = await readWhole(source, 0, 512, "header");
  // Only where the copy at the beginning is missing is the disk's end asked, as every reader does.
  const hasCopy = first.toString("latin1", 0, 8) === "conectix";
  const footer = hasCopy
    ? first
    : await readWhole(source, Math.max(0, source.sizeBytes - 512), 512, "footer");
  if (footer.toString("latin1", 0, 8) !== "conectix")
    throw unreadable("It was declared as vpc but has no VHD footer; declare its real format.");
  checkSum(footer, at.checksum, "footer");
  const type = footer.readUInt32BE(at.type);
  if (type === 4) throw hostile("It is a difference to another disk; merge it into a disk of its own first.");
  const size = checkedSize(footer.readBigUInt64BE(at.size));
  if (type === 2) {
    if (hasCopy) throw hostile("It says that its size is fixed, and begins like one that grows.");
    if (source.sizeBytes < size + 512)
      throw unreadable(`It is truncated: it claims ${size} bytes and has ${source.sizeBytes}.`);
    return size;
  }
  if (type !== 3) throw unreadable(`Its VHD type is ${type}; fixed and dynamic disks can be read.`);
  if (!hasCopy) throw unreadable("It is damaged: its first sector is not that of a dynamic VHD.");
  await checkDynamic(source, Number(footer.readBigUInt64BE(at.next)), size);
  return size;
}

async function checkDynamic(source: ByteSource, headerAt: number, size: number): Promise<void> {
  const header = await readWhole(source, headerAt, 1024, "dynamic header");
  if (header.toString("latin1", 0, 8) !== "cxsparse") throw unreadable("Its dynamic header is damaged.");
  checkSum(header, dynamic.checksum, "dynamic header");
  const hasParent = [
    header.subarray(dynamic.parent, dynamic.parent + 16),
    header.subarray(dynamic.locators, dynamic.locators + 192),
  ].some((part) => part.some((byte) => byte !== 0));
  if (hasParent) throw hostile("It names another disk; merge it into a disk of its own first.");
  const blockBytes = header.readUInt32BE(dynamic.blockSize);
  if (blockBytes < 512 || blockBytes > 256 * 1024 ** 2 || (blockBytes & (blockBytes - 1)) !== 0) {
    throw hostile("Its block size is out of range.");
  }
  const entries = header.readUInt32BE(dynamic.entries);
  const needed = Math.ceil(size / blockBytes);
  // 64 TiB in the usual blocks of 2 MiB.
  if (entries < needed || entries > Math.max(2 * needed, 1024) || entries > 2 ** 25)
    throw hostile("Its table does not fit its size.");
  const bitmapBytes = Math.ceil(blockBytes / 512 / 8 / 512) * 512;
  const tableAt = Number(header.readBigUInt64BE(dynamic.table));
  for (let index = 0; index < entries; index += 65_536) {
    const count = Math.min(65_536, entries - index);
    const table = await readWhole(source, tableAt + index * 4, count * 4, "block table");
    for (let entry = 0; entry < count; entry++) {
      const sector = table.readUInt32BE(entry * 4);
      if (sector === unused) continue;
      // What lies beyond the end would read as zeros, without a word.
      if (sector * 512 + bitmapBytes + blockBytes > source.sizeBytes)
        throw unreadable("It is truncated: blocks are missing at its end.");
    }
  }
}

/** One's complement of the sum of all bytes but the checksum's own. */
function checkSum(bytes: Buffer, checksumAt: number, what: string): void {
  let sum = 0;
  for (let index = 0; index < bytes.length; index++) {
    if (index < checksumAt || index >= checksumAt + 4) sum += bytes[index] as number;
  }
  if (((~sum >>> 0) & 0xffffffff) >>> 0 !== bytes.readUInt32BE(checksumAt))
    throw unreadable(`Its ${what} is damaged.`);
}
