import { open } from "node:fs/promises";
import { Fault } from "@serai/kit/fault";
import { isErrno, noRoom, sizeOf, writeAll } from "./download.ts";

export type Upload = {
  path: string;
  offset: number;
  sizeBytes: number;
  chunks: AsyncIterable<Uint8Array>;
  onProgress: (received: number) => void;
};

/**
 * Appends what a client sends, and answers how much is there now. What arrived before a connection broke stays.
 * Throws `request.precondition_failed` when the client would leave a gap, `request.too_large`, `pool.full`.
 */
export async function spoolUpload({ path, offset, sizeBytes, chunks, onProgress }: Upload): Promise<number> {
  const have = await sizeOf(path);
  if (have !== offset) {
    throw new Fault("request.precondition_failed", `${have} bytes are here already: go on from there.`, {
      details: { receivedBytes: have },
    });
  }
  await using file = await open(path, "a+", 0o600);
  let at = offset;
  try {
    for await (const chunk of chunks) {
      if (at + chunk.byteLength > sizeBytes) {
        await file.truncate(offset);
        throw new Fault(
          "request.too_large",
          `The image was declared with ${sizeBytes} bytes, and more came.`,
        );
      }
      await writeAll(file, chunk, at);
      at += chunk.byteLength;
      onProgress(at);
    }
    await file.sync();
    return at;
  } catch (error) {
    if (isErrno(error, "ENOSPC")) throw noRoom(error);
    throw error;
  }
}
