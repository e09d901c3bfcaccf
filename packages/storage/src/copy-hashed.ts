import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { Fault } from "@serai/kit/fault";

const chunkBytes = 1024 * 1024;

export type Copied = { sha256: string; sizeBytes: number; head: Buffer };

/**
 * Copies a regular file, leaving holes where it holds zeros, and hashes what it copied.
 * Refuses links and anything that is not a plain file. `headBytes` of the beginning are returned.
 */
export async function copyHashed(
  from: string,
  to: string,
  headBytes: number,
  signal: AbortSignal,
): Promise<Copied> {
  await using target = await open(to, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o444);
  const copied = await hashFile(from, signal, headBytes, async (chunk, position) => {
    if (!isZero(chunk)) await target.write(chunk, 0, chunk.length, position);
  });
  await target.truncate(copied.sizeBytes);
  await target.sync();
  return copied;
}

/** Reads a regular file once: its SHA-256, its size, its first bytes. */
export async function hashFile(
  path: string,
  signal: AbortSignal,
  headBytes = 0,
  onChunk?: (chunk: Buffer, position: number) => Promise<void>,
): Promise<Copied> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  await using source = await open(path, flags).catch((error: NodeJS.ErrnoException) => {
    throw error.code === "ELOOP" ? notPlain() : error; // a link
  });
  if (!(await source.stat()).isFile()) throw notPlain();
  const hash = createHash("sha256");
  const buffer = Buffer.alloc(chunkBytes);
  const head = Buffer.alloc(headBytes);
  let position = 0;
  for (;;) {
    signal.throwIfAborted();
    const { bytesRead } = await source.read(buffer, 0, chunkBytes, position);
    if (bytesRead === 0) break;
    const chunk = buffer.subarray(0, bytesRead);
    hash.update(chunk);
    if (position < headBytes) chunk.copy(head, position);
    await onChunk?.(chunk, position);
    position += bytesRead;
  }
  return {
    sha256: hash.digest("hex"),
    sizeBytes: position,
    head: head.subarray(0, Math.min(headBytes, position)),
  };
}

const zeros = Buffer.alloc(chunkBytes);
const isZero = (chunk: Buffer): boolean => chunk.equals(zeros.subarray(0, chunk.length));

const notPlain = (): Fault =>
  new Fault("image.hostile", "The image is refused. Its content is not a plain file.");
