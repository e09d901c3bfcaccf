import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { extract } from "tar-stream";
import { Fault } from "@serai/kit/fault";
import { hostile, unreadable } from "../formats/refusal.ts";

export type Unpacked = {
  /** Name in the archive → path; in the order of the archive. */
  files: Map<string, string>;
  /** Of the whole archive. */
  sha256: string;
};

const maxFiles = 64;

/**
 * Unpacks an archive of plain files into a folder of ours, and hashes it on the way. Refuses whatever would lead
 * elsewhere: folders, links, devices, paths, one name twice. What it claims to hold is bounded by what it is.
 */
export async function unpack(archive: string, folder: string, signal: AbortSignal): Promise<Unpacked> {
  await using source = await open(archive, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  if (!(await source.stat()).isFile()) throw hostile("Its content is not a plain file.");
  const hash = createHash("sha256");
  const files = new Map<string, string>();
  const tar = extract();
  const reading = feed(
    source.createReadStream({ autoClose: false, highWaterMark: 1024 * 1024 }),
    { tar, hash },
    signal,
  );
  reading.catch((error: Error) => tar.destroy(error));
  try {
    for await (const entry of tar) {
      const { name, type, size } = entry.header;
      const file = checkedName(name.replace(/^\.\//, ""), type);
      if (files.has(file)) throw hostile("It has two files of one name.");
      if (files.size === maxFiles) throw hostile(`It has more than ${maxFiles} files.`);
      files.set(file, join(folder, file));
      await write(
        entry as unknown as AsyncIterable<Uint8Array>,
        { path: join(folder, file), size: size ?? 0 },
        signal,
      );
    }
    await reading;
  } catch (error) {
    tar.destroy(error as Error);
    await reading.catch(() => {}); // its failure is the one below, or follows from it
    throw explain(error, signal);
  }
  return { files, sha256: hash.digest("hex") };
}

type Sinks = { tar: ReturnType<typeof extract>; hash: ReturnType<typeof createHash> };

async function feed(stream: Readable, { tar, hash }: Sinks, signal: AbortSignal): Promise<void> {
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    signal.throwIfAborted();
    hash.update(chunk);
    if (tar.destroyed) return;
    if (!tar.write(chunk)) await drained(tar);
  }
  tar.end(null);
}

async function drained(tar: Sinks["tar"]): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  tar.once("drain", resolve);
  tar.once("close", resolve); // it will never drain
  await promise;
  tar.off("drain", resolve);
  tar.off("close", resolve);
}

function checkedName(name: string, type: string | null | undefined): string {
  if (type !== "file")
    throw hostile(`It holds something that is not a plain file (${type ?? "of an unknown kind"}).`);
  const isPlain =
    /^[^/\\\p{Cc}]+$/u.test(name) && name !== "." && name !== ".." && Buffer.byteLength(name) <= 200;
  if (!isPlain) throw hostile("The name of one of its files leads elsewhere.");
  return name;
}

async function write(
  content: AsyncIterable<Uint8Array>,
  { path, size }: { path: string; size: number },
  signal: AbortSignal,
): Promise<void> {
  await using target = await open(path, "wx", 0o444);
  let at = 0;
  for await (const chunk of content) {
    signal.throwIfAborted();
    await target.write(chunk, 0, chunk.byteLength, at);
    at += chunk.byteLength;
  }
  if (at !== size) throw unreadable("It is truncated.");
}

function explain(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  const isSystem =
    typeof (error as NodeJS.ErrnoException).code === "string" &&
    /^E[A-Z]+$/.test((error as NodeJS.ErrnoException).code as string);
  if (error instanceof Fault || isSystem) return error;
  return Object.assign(unreadable("It is not a tar archive, or truncated."), { cause: error });
}
