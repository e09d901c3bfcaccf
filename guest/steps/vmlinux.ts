import { GuestBuildFailure } from "../failure.ts";

const lz4LegacyMagic = 0x184c2102;
const lz4LegacyBlockBytes = 8 << 20;

/**
 * Takes the uncompressed ELF kernel out of an LZ4-compressed bzImage. QEMU enters it directly
 * (PVH), which saves the guest the decompression: 0.3 CPU seconds per boot without KVM.
 */
export function extractVmlinux(bzImage: Buffer): Buffer {
  if (bzImage.toString("latin1", 0x202, 0x206) !== "HdrS") {
    throw new GuestBuildFailure("The kernel package holds no bzImage: this recipe knows only Debian's x86-64 kernels.");
  }
  const setupSectors = bzImage.readUInt8(0x1f1) || 4;
  const start = (setupSectors + 1) * 512 + bzImage.readUInt32LE(0x248);
  const payload = bzImage.subarray(start, start + bzImage.readUInt32LE(0x24c));
  if (payload.readUInt32LE(0) !== lz4LegacyMagic) {
    throw new GuestBuildFailure("The kernel is not LZ4-compressed: this recipe knows only Debian 12's cloud kernel.");
  }
  // the kernel's build appends the size of the result to the payload
  const kernel = Buffer.alloc(payload.readUInt32LE(payload.length - 4));
  let at = 4;
  let written = 0;
  while (written < kernel.length) {
    const blockBytes = payload.readUInt32LE(at);
    at += 4;
    written += expandBlock(payload.subarray(at, at + blockBytes), kernel, written);
    at += blockBytes;
  }
  if (kernel.toString("latin1", 1, 4) !== "ELF") {
    throw new GuestBuildFailure("The kernel's payload is not an ELF file.");
  }
  return kernel;
}

/** Expands one LZ4 block into `target` from `start` on; returns how many bytes it made. */
function expandBlock(block: Buffer, target: Buffer, start: number): number {
  const end = Math.min(start + lz4LegacyBlockBytes, target.length);
  let from = 0;
  let to = start;
  const readLength = (nibble: number): number => {
    let length = nibble;
    if (nibble === 15) {
      let more: number;
      do {
        more = block[from++] ?? 0;
        length += more;
      } while (more === 255);
    }
    return length;
  };
  while (from < block.length) {
    const token = block[from++] ?? 0;
    const literals = readLength(token >> 4);
    block.copy(target, to, from, from + literals);
    from += literals;
    to += literals;
    if (from >= block.length) break; // the last sequence has literals only
    const distance = block.readUInt16LE(from);
    from += 2;
    const length = readLength(token & 15) + 4;
    if (distance === 0 || to - distance < start || to + length > end) {
      throw new GuestBuildFailure("The kernel's LZ4 payload is damaged.");
    }
    if (distance >= length) target.copyWithin(to, to - distance, to - distance + length);
    // an overlapping match repeats itself, so it must be copied byte by byte
    else for (let i = 0; i < length; i++) target[to + i] = target[to + i - distance] ?? 0;
    to += length;
  }
  return to - start;
}
