import { constants } from "node:fs";
import { open } from "node:fs/promises";

/** A file that header parsers look into, at places of their choice. */
export type ByteSource = {
  sizeBytes: number;
  /** Fewer bytes than asked for only at the file's end. */
  read(at: number, length: number): Promise<Buffer>;
};

/** Most that a parser may ask for in one read: what a file claims must not decide how much memory is taken. */
const maxReadBytes = 1024 * 1024;

export async function openByteSource(path: string): Promise<ByteSource & AsyncDisposable> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  const { size } = await file.stat();
  return {
    sizeBytes: size,
    read: async (at, length) => {
      if (length > maxReadBytes) throw new RangeError(`a header parser asked for ${length} bytes at once`);
      // Beyond what a file can have there is nothing; the kernel would refuse the number itself.
      if (!(at >= 0 && at < size)) return Buffer.alloc(0);
      const buffer = Buffer.alloc(Math.min(length, size - at));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
      return buffer.subarray(0, bytesRead);
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}

/** The same over bytes in memory. */
export const byteSourceOf = (bytes: Uint8Array): ByteSource => ({
  sizeBytes: bytes.byteLength,
  read: async (at, length) =>
    Buffer.from(bytes.subarray(Math.min(at, bytes.byteLength), Math.min(at + length, bytes.byteLength))),
});
