import type { StoredFormat } from "@serai/model/image-format";
import { checkedSize, hostile, maxVirtualSizeBytes, unreadable } from "./refusal.ts";

/** The part of a file that decides what it is. */
export const headerBytes = 64 * 1024;

export type HeaderFacts = { format: StoredFormat; virtualSizeBytes: number };

const magics: readonly { name: string; at: number; bytes: string }[] = [
  { name: "qcow2", at: 0, bytes: "QFI\xfb" },
  { name: "VMDK", at: 0, bytes: "KDMV" },
  { name: "VMDK", at: 0, bytes: "COWD" },
  { name: "a VMDK descriptor", at: 0, bytes: "# Disk DescriptorFile" },
  { name: "VHDX", at: 0, bytes: "vhdxfile" },
  { name: "VHD", at: 0, bytes: "conectix" },
  { name: "VDI", at: 64, bytes: "\x7f\x10\xda\xbe" },
  { name: "QED", at: 0, bytes: "QED\0" },
  { name: "Parallels", at: 0, bytes: "WithoutFreeSpace" },
  { name: "Parallels", at: 0, bytes: "WithouFreSpacExt" },
  { name: "LUKS", at: 0, bytes: "LUKS\xba\xbe" },
];

/**
 * Judges an uploaded image by its first {@link headerBytes} bytes, before any tool opens it.
 * Throws `image.hostile` for what would make a reader open other files or exhaust it, `image.unreadable` for
 * what is not what it was declared to be. `fileBytes` is the length of the whole file.
 */
export function readImageHeader(header: Uint8Array, fileBytes: number, declared: StoredFormat): HeaderFacts {
  const text = Buffer.from(header.buffer, header.byteOffset, header.byteLength).toString("latin1");
  const found = magics.find(({ at, bytes }) => text.startsWith(bytes, at));
  if (declared === "qcow2") {
    if (found?.name !== "qcow2")
      throw unreadable("It was declared as qcow2 but has no qcow2 header; declare its real format.");
    return { format: "qcow2", virtualSizeBytes: readQcow2(header) };
  }
  if (found !== undefined) {
    // As raw its guest could write a header that another reader then believes.
    throw unreadable(
      `It was declared as ${declared} but is ${found.name}; declare its real format or convert it first.`,
    );
  }
  if (fileBytes === 0 || fileBytes % 512 !== 0) {
    throw unreadable(
      `A ${declared} image is a whole number of 512-byte sectors; this has ${fileBytes} bytes and is probably truncated.`,
    );
  }
  if (declared === "iso" && !text.startsWith("CD001", 0x8001)) {
    throw unreadable("It was declared as iso but has no ISO 9660 volume descriptor.");
  }
  checkedSize(fileBytes);
  return { format: declared, virtualSizeBytes: fileBytes };
}

/** Layout: https://gitlab.com/qemu-project/qemu/-/blob/master/docs/interop/qcow2.txt */
function readQcow2(header: Uint8Array): number {
  if (header.byteLength < 104) throw unreadable("The qcow2 header is truncated.");
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const version = view.getUint32(4);
  if (version !== 2 && version !== 3)
    throw unreadable(`Its qcow2 version is ${version}; versions 2 and 3 can be read.`);
  if (view.getBigUint64(8) !== 0n) {
    throw hostile("It names a backing file; flatten it first (qemu-img convert).");
  }
  const incompatible = version === 3 ? view.getBigUint64(72) : 0n;
  if ((incompatible & 4n) !== 0n)
    throw hostile("It keeps its data in another file; flatten it first (qemu-img convert).");
  if ((incompatible & ~31n) !== 0n) throw unreadable("It uses qcow2 features that are not known here.");
  if (view.getUint32(32) !== 0) throw unreadable("It is encrypted; decrypt it first.");
  const clusterBits = view.getUint32(20);
  if (clusterBits < 9 || clusterBits > 21) throw hostile("Its cluster size is out of range.");
  const sizeBytes = view.getBigUint64(24);
  if (sizeBytes > BigInt(maxVirtualSizeBytes))
    throw hostile(`It claims ${sizeBytes} bytes; the most is ${maxVirtualSizeBytes}.`);
  const size = Number(sizeBytes);
  const entriesNeeded = Math.ceil(size / 2 ** (2 * clusterBits - 3));
  if (view.getUint32(36) > Math.max(entriesNeeded * 2, 1024))
    throw hostile("Its tables are far larger than its size needs.");
  if (view.getUint32(60) > 256) throw hostile("It carries more than 256 internal snapshots.");
  return checkedSize(size);
}
