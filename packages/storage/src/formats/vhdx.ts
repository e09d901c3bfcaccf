import type { ByteSource } from "./byte-source.ts";
import { crc32c } from "./crc32c.ts";
import { checkedSize, hostile, readWhole, unreadable } from "./refusal.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const batGuid = "6677c22d23f600429d64115e9bfd4a08";
const metadataGuid = "06a27c8b90479a4bb8fe575f050f886e";
const items = {
  fileParameters: "3767a1ca36fa434db3b633f0aa44e76b",
  virtualSize: "2442a52f1bcd7648b2115dbed83bf4b8",
  sectorSize: "1dbf41816fa90947ba47f233a8faab5f",
  parentLocator: "2d5fd3a80bb34d45abf7d3d84834ab0c",
} as const;
const blockStates = { fullyPresent: 6, partlyPresent: 7 } as const;

/** Judges a Hyper-V (VHDX) disk; answers its virtual size. Layout: Microsoft's [MS-VHDX]. */
export async function readVhdx(source: ByteSource): Promise<number> {
  const identifier = await readWhole(source, 0, 8, "identifier");
  if (identifier.toString("latin1") !== "vhdxfile")
    throw unreadable("It was declared as vhdx but has no VHDX identifier; declare its real format.");
  await checkLog(source);
  const regions = await readRegions(source);
  const facts = await readMetadata(source, regions.metadata);
  await checkBlocks(source, regions.bat, facts);
  return facts.size;
}

/** The current one of the two headers must have no log: replayed, it could change what is judged here. */
async function checkLog(source: ByteSource): Promise<void> {
  let current: { sequence: bigint; hasLog: boolean } | undefined;
  for (const at of [64 * KiB, 128 * KiB]) {
    const header = Buffer.from(await source.read(at, 4 * KiB));
    if (header.length < 4 * KiB || header.toString("latin1", 0, 4) !== "head" || !isIntact(header)) continue;
    const sequence = header.readBigUInt64LE(8);
    const hasLog = header.subarray(48, 64).some((byte) => byte !== 0);
    if (header.readUInt16LE(66) !== 1) throw unreadable("Only version 1 of VHDX can be read.");
    if (current === undefined || sequence > current.sequence) current = { sequence, hasLog };
    else if (sequence === current.sequence && hasLog) current = { sequence, hasLog };
  }
  if (current === undefined) throw unreadable("Both of its headers are damaged.");
  if (current.hasLog)
    throw unreadable(
      "It was not closed cleanly and has a log to replay; open and close it where it was made, then try again.",
    );
}

type Region = { at: number; length: number };

async function readRegions(source: ByteSource): Promise<{ bat: Region; metadata: Region }> {
  const table = Buffer.from(await readWhole(source, 192 * KiB, 64 * KiB, "region table"));
  if (table.toString("latin1", 0, 4) !== "regi" || !isIntact(table))
    throw unreadable("Its region table is damaged.");
  const count = table.readUInt32LE(8);
  if (count > 2047) throw hostile("Its region table claims too many entries.");
  const found = new Map<string, Region>();
  for (let index = 0; index < count; index++) {
    const entry = table.subarray(16 + index * 32, 48 + index * 32);
    const guid = entry.toString("hex", 0, 16);
    const region = { at: Number(entry.readBigUInt64LE(16)), length: entry.readUInt32LE(24) };
    const isKnown = guid === batGuid || guid === metadataGuid;
    if (!isKnown && (entry.readUInt32LE(28) & 1) !== 0)
      throw unreadable("It uses VHDX features that are not known here.");
    if (!isKnown) continue;
    if (found.has(guid)) throw hostile("A region is named twice.");
    if (region.at < MiB || region.at % MiB !== 0) throw hostile("A region is misplaced.");
    found.set(guid, region);
  }
  const [bat, metadata] = [found.get(batGuid), found.get(metadataGuid)];
  if (bat === undefined || metadata === undefined)
    throw unreadable("A region that every VHDX has is missing.");
  return { bat, metadata };
}

type Facts = { size: number; blockBytes: number; sectorBytes: number };

async function readMetadata(source: ByteSource, region: Region): Promise<Facts> {
  const table = await readWhole(source, region.at, 64 * KiB, "metadata");
  if (table.toString("latin1", 0, 8) !== "metadata") throw unreadable("Its metadata is damaged.");
  const count = table.readUInt16LE(10);
  if (count > 2047) throw hostile("Its metadata claims too many entries.");
  const found = new Map<string, number>();
  for (let index = 0; index < count; index++) {
    const entry = table.subarray(32 + index * 32, 64 + index * 32);
    const guid = entry.toString("hex", 0, 16);
    if (guid === items.parentLocator)
      throw hostile("It is a difference to another disk; merge it into a disk of its own first.");
    if (found.has(guid)) throw hostile("A metadata item is named twice.");
    const offset = entry.readUInt32LE(16);
    if (offset < 64 * KiB || offset > region.length) throw hostile("A metadata item is misplaced.");
    found.set(guid, region.at + offset);
  }
  const item = async (guid: string, length: number): Promise<Buffer> => {
    const at = found.get(guid);
    if (at === undefined) throw unreadable("Metadata that every VHDX has is missing.");
    return readWhole(source, at, length, "metadata");
  };
  const parameters = await item(items.fileParameters, 8);
  if ((parameters.readUInt32LE(4) & 2) !== 0)
    throw hostile("It is a difference to another disk; merge it into a disk of its own first.");
  const blockBytes = parameters.readUInt32LE(0);
  if (blockBytes < MiB || blockBytes > 256 * MiB || (blockBytes & (blockBytes - 1)) !== 0)
    throw hostile("Its block size is out of range.");
  const sectorBytes = (await item(items.sectorSize, 4)).readUInt32LE(0);
  if (sectorBytes !== 512 && sectorBytes !== 4096) throw hostile("Its sector size is out of range.");
  return {
    size: checkedSize((await item(items.virtualSize, 8)).readBigUInt64LE(0)),
    blockBytes,
    sectorBytes,
  };
}

/** Every block that is said to be there must be inside the file: beyond its end it would read as zeros. */
async function checkBlocks(
  source: ByteSource,
  bat: Region,
  { size, blockBytes, sectorBytes }: Facts,
): Promise<void> {
  const chunkRatio = (2 ** 23 * sectorBytes) / blockBytes;
  const blocks = Math.ceil(size / blockBytes);
  const entries = blocks + Math.floor((blocks - 1) / chunkRatio);
  if (entries * 8 > bat.length) throw hostile("Its block table is smaller than its size needs.");
  const perRead = 128 * KiB;
  for (let index = 0; index < entries; index += perRead) {
    const count = Math.min(perRead, entries - index);
    const table = await readWhole(source, bat.at + index * 8, count * 8, "block table");
    for (let entry = 0; entry < count; entry++) {
      const isBitmap = (index + entry + 1) % (chunkRatio + 1) === 0;
      const state = table.readUInt8(entry * 8) & 7;
      if (isBitmap) continue; // only disks with a parent use them
      if (state === blockStates.partlyPresent)
        throw hostile("It is a difference to another disk; merge it into a disk of its own first.");
      if (state !== blockStates.fullyPresent) continue;
      const at = Number(table.readBigUInt64LE(entry * 8) >> 20n) * MiB;
      const needed = Math.min(
        blockBytes,
        size - (index + entry - Math.floor((index + entry) / (chunkRatio + 1))) * blockBytes,
      );
      if (at < MiB || at + needed > source.sizeBytes)
        throw unreadable("It is truncated: blocks are missing at its end.");
    }
  }
}

/** Checks the CRC in bytes 4 to 7, which counts as zero itself. */
function isIntact(bytes: Buffer): boolean {
  const sum = bytes.readUInt32LE(4);
  const copy = Buffer.from(bytes);
  copy.writeUInt32LE(0, 4);
  return crc32c(copy) === sum;
}
