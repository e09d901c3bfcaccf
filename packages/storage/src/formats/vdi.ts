import type { ByteSource } from "./byte-source.ts";
import { checkedSize, hostile, readWhole, unreadable } from "./refusal.ts";

const at = {
  signature: 64,
  version: 68,
  type: 76,
  blockMap: 340,
  data: 344,
  sectorSize: 360,
  size: 368,
  blockSize: 376,
  blocks: 384,
  allocated: 388,
  parents: 424,
} as const;
const types = { dynamic: 1, fixed: 2 } as const;
/** The only one that VirtualBox writes and readers know. */
const blockBytes = 1024 * 1024;

/** Judges a VirtualBox disk; answers its virtual size. Layout: VirtualBox's VDICore.h. */
export async function readVdi(source: ByteSource): Promise<number> {
  const header = await readWhole(source, 0, 512, "header");
  if (header.readUInt32LE(at.signature) !== 0xbeda107f)
    throw unreadable("It was declared as vdi but has no VDI header; declare its real format.");
  if (header.readUInt32LE(at.version) !== 0x00010001)
    throw unreadable("Only version 1.1 of VDI can be read.");
  const type = header.readUInt32LE(at.type);
  if (type !== types.dynamic && type !== types.fixed) {
    throw hostile("It is a difference to another disk; clone it to a disk of its own first.");
  }
  // Two UUIDs: of the disk that it continues, and of the one that it was made from.
  if (!header.subarray(at.parents, at.parents + 32).every((byte) => byte === 0)) {
    throw hostile("It names another disk; clone it to a disk of its own first.");
  }
  const size = checkedSize(header.readBigUInt64LE(at.size));
  if (header.readUInt32LE(at.sectorSize) !== 512) throw unreadable("Its sectors do not have 512 bytes.");
  if (header.readUInt32LE(at.blockSize) !== blockBytes) throw hostile("Its block size is not 1 MiB.");
  const blocks = header.readUInt32LE(at.blocks);
  const allocated = header.readUInt32LE(at.allocated);
  if (blocks !== Math.ceil(size / blockBytes) || allocated > blocks)
    throw hostile("Its tables do not fit its size.");
  const [mapAt, dataAt] = [header.readUInt32LE(at.blockMap), header.readUInt32LE(at.data)];
  if (mapAt % 512 !== 0 || dataAt % 512 !== 0 || mapAt < 512 || mapAt + blocks * 4 > dataAt) {
    throw hostile("Its tables overlap or are misplaced.");
  }
  // Blocks beyond the end would read as zeros, without a word.
  if (source.sizeBytes < dataAt + allocated * blockBytes)
    throw unreadable("It is truncated: blocks are missing at its end.");
  return size;
}
