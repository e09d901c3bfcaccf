import type { ByteSource } from "./byte-source.ts";
import { checkedSize, hostile, readWhole, unreadable } from "./refusal.ts";

const sector = 512;
const atEnd = 0xffff_ffff_ffff_ffffn;
/** Readers look here for the descriptor of a sparse file, wherever its header says that it is. */
const fixedDescriptor = { at: sector, length: 20 * sector };
const maxDescriptorBytes = 256 * 1024;

/**
 * Judges a VMware disk; answers its virtual size. One file that holds everything is taken. A descriptor that names
 * other files is refused, unless all of them are in `siblings`: plain names of files that came with it.
 * Layout: VMware's "Virtual Disk Format 5.0".
 */
export async function readVmdk(
  source: ByteSource,
  siblings: ReadonlyMap<string, number> = new Map(),
): Promise<number> {
  const head = await source.read(0, sector);
  const magic = head.toString("latin1", 0, 4);
  if (magic === "KDMV") return readSparse(source);
  if (magic === "COWD")
    throw unreadable("It is one part of a disk of several files; convert it to one file first.");
  if (!head.toString("latin1").startsWith("# Disk DescriptorFile")) {
    throw unreadable("It was declared as vmdk but has no VMDK header; declare its real format.");
  }
  return readSeparateDescriptor(source, siblings);
}

async function readSparse(source: ByteSource): Promise<number> {
  const header = await readWhole(source, 0, sector, "header");
  const size = checkHeader(header);
  if (header.readBigUInt64LE(56) === atEnd) {
    // Readers take the copy at the end for the header; it must be one, and agree.
    const footer = await source.read(source.sizeBytes - 2 * sector, sector);
    if (footer.length < sector || footer.toString("latin1", 0, 4) !== "KDMV")
      throw unreadable("It is truncated: its end is missing.");
    if (checkHeader(footer) !== size || footer.readBigUInt64LE(56) === atEnd)
      throw hostile("Its header and its footer contradict each other.");
    if (footer.readBigUInt64LE(28) !== header.readBigUInt64LE(28))
      throw hostile("Its header and its footer contradict each other.");
  }
  const descriptorAt = Number(header.readBigUInt64LE(28)) * sector;
  const descriptorBytes = Number(header.readBigUInt64LE(36)) * sector;
  if (descriptorBytes > maxDescriptorBytes) throw hostile("Its descriptor is far too long.");
  checkNoParent((await source.read(fixedDescriptor.at, fixedDescriptor.length)).toString("latin1"));
  if (descriptorAt === 0) return size;
  const descriptor = (await readWhole(source, descriptorAt, descriptorBytes, "descriptor")).toString(
    "latin1",
  );
  checkNoParent(descriptor);
  if (extentsOf(descriptor).length > 1) throw hostile("It names other files; convert it to one file first.");
  return size;
}

function checkHeader(header: Buffer): number {
  const version = header.readUInt32LE(4);
  if (version < 1 || version > 3)
    throw unreadable(`Its VMDK version is ${version}; versions 1 to 3 can be read.`);
  const capacity = header.readBigUInt64LE(12);
  // Without a capacity of its own, readers take the descriptor inside for the whole disk, with all it names.
  if (capacity === 0n) throw hostile("It has no size of its own and leads to other files.");
  const grainSectors = header.readBigUInt64LE(20);
  if (grainSectors < 8n || grainSectors > 2048n || (grainSectors & (grainSectors - 1n)) !== 0n)
    throw hostile("Its grain size is out of range.");
  if (header.readUInt32LE(44) !== 512) throw hostile("Its tables do not have the usual size.");
  const compression = header.readUInt16LE(77);
  if (compression > 1) throw unreadable("It is compressed in a way that is not known here.");
  if (header[73] !== 0x0a || header[74] !== 0x20 || header[75] !== 0x0d || header[76] !== 0x0a) {
    throw unreadable("It was damaged on its way: its line ends were changed.");
  }
  return checkedSize(capacity * BigInt(sector));
}

/** Both ways in which a descriptor names the disk that it continues. */
function checkNoParent(descriptor: string): void {
  const parentId = /parentCID\s*=\s*"?([0-9a-f]+)/i.exec(descriptor)?.[1];
  const isChild = parentId !== undefined && parentId.toLowerCase() !== "ffffffff";
  if (isChild || /parentFileNameHint/i.test(descriptor)) {
    throw hostile("It is a difference to another disk; consolidate it first.");
  }
}

type Extent = { sectors: number; type: string; file: string; offsetSectors: number };

/** Lines such as `RW 4192256 SPARSE "disk-s001.vmdk"`. A line that only resembles one is refused. */
function extentsOf(descriptor: string): Extent[] {
  const extents: Extent[] = [];
  for (const line of descriptor.split(/\r?\n|\0/)) {
    if (!/^\s*(RW|RDONLY|NOACCESS)\b/i.test(line)) continue;
    const match =
      /^(RW|RDONLY|NOACCESS) ([0-9]{1,15}) ([A-Z0-9]{1,20})(?: "([^"]{0,255})")?(?: ([0-9]{1,15}))?\s*$/.exec(
        line,
      );
    if (match === null) throw hostile("A line of its descriptor cannot be understood.");
    extents.push({
      sectors: Number(match[2]),
      type: match[3] as string,
      file: match[4] ?? "",
      offsetSectors: Number(match[5] ?? 0),
    });
  }
  return extents;
}

async function readSeparateDescriptor(
  source: ByteSource,
  siblings: ReadonlyMap<string, number>,
): Promise<number> {
  if (source.sizeBytes > maxDescriptorBytes) throw hostile("Its descriptor is far too long.");
  const descriptor = (await source.read(0, maxDescriptorBytes)).toString("latin1");
  checkNoParent(descriptor);
  const extents = extentsOf(descriptor);
  if (extents.length === 0) throw unreadable("Its descriptor names no data.");
  if (extents.length > 1024) throw hostile("It names far too many files.");
  let sectors = 0;
  for (const { sectors: count, type, file, offsetSectors } of extents) {
    sectors += count;
    if (type === "ZERO" && file === "") continue;
    if (type !== "FLAT" && type !== "SPARSE")
      throw hostile(`It has a part of the kind ${type}, which is not read here.`);
    const length = /[/\\:]/.test(file) ? undefined : siblings.get(file);
    if (length === undefined)
      throw hostile("It names other files; convert it to one file, or put all of it in an OVA.");
    if (type === "FLAT" && length < (offsetSectors + count) * sector)
      throw unreadable(`It is truncated: ${file} is too short.`);
  }
  return checkedSize(sectors * sector);
}
