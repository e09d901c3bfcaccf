import { open, readFile, rm, stat, statfs, writeFile, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { Fault } from "@serai/kit/fault";
import { fetchWithLimits } from "./fetch-with-limits.ts";

export type Download = {
  url: string;
  path: string;
  maxBytes: number;
  onProgress: (received: number, total: number | undefined) => void;
};

/** A server that sends nothing for this long is given up; the next try goes on from there. */
const stallMs = 60_000;

/**
 * Brings a file here, going on where an earlier try ended if the server still has the same file.
 * Throws `image.download_failed` (try again), `request.too_large`, `pool.full`.
 */
export async function download(
  { url, path, maxBytes, onProgress }: Download,
  signal: AbortSignal,
): Promise<void> {
  const have = await sizeOf(path);
  const tagPath = `${path}.etag`;
  const tag = have > 0 ? await readFile(tagPath, "utf8").catch(() => undefined) : undefined;
  const headers = tag === undefined ? {} : { range: `bytes=${have}-`, "if-range": tag };
  const stall = new AbortController();
  const inner = AbortSignal.any([signal, stall.signal]);
  const timer = setTimeout(() => stall.abort(), stallMs);
  try {
    const response = await fetchWithLimits(url, headers, inner);
    const from = await startOf(response, have, url);
    if (from === "complete") return;
    const newTag = response.headers.get("etag");
    if (newTag !== null && !newTag.startsWith("W/")) await writeFile(tagPath, newTag);
    else await rm(tagPath, { force: true });
    const total = totalOf(response, from);
    await checkRoom(path, (total ?? 0) - from);
    const target = { path, from, total, maxBytes, onProgress };
    await receive(response, target, () => timer.refresh());
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Fault) throw error;
    if (isErrno(error, "ENOSPC")) throw noRoom(error);
    throw new Fault("image.download_failed", "The download broke off; it goes on from there.", {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
  }
}

/** Where the reply's bytes belong. */
async function startOf(response: Response, have: number, url: string): Promise<number | "complete"> {
  if (response.status === 206 && response.body !== null) {
    const start = Number(
      /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1] ?? Number.NaN,
    );
    if (start === have) return have;
  }
  if (response.status === 200 && response.body !== null) return 0;
  const total = Number(
    /^bytes \*\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1] ?? Number.NaN,
  );
  await response.body?.cancel();
  if (response.status === 416 && total === have) return "complete";
  throw new Fault("image.download_failed", `${new URL(url).host} answers ${response.status} for ${url}.`, {
    details: { status: response.status },
  });
}

function totalOf(response: Response, from: number): number | undefined {
  const length = Number(response.headers.get("content-length") ?? Number.NaN);
  return Number.isSafeInteger(length) ? from + length : undefined;
}

type Target = Pick<Download, "path" | "maxBytes" | "onProgress"> & {
  from: number;
  total: number | undefined;
};

async function receive(response: Response, target: Target, touch: () => void): Promise<void> {
  const { path, from, total, maxBytes, onProgress } = target;
  const tooLarge = () =>
    new Fault("request.too_large", `The image is larger than ${maxBytes} bytes, the most that is taken.`);
  if ((total ?? 0) > maxBytes) throw tooLarge();
  await using file = await open(path, from === 0 ? "w" : "r+", 0o600);
  let at = from;
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    touch();
    if (at + chunk.byteLength > maxBytes) throw tooLarge();
    await writeAll(file, chunk, at);
    at += chunk.byteLength;
    onProgress(at, total);
  }
  if (total !== undefined && at !== total) throw new Error(`got ${at} of ${total} bytes`);
  await file.sync();
}

export async function writeAll(file: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.byteLength;) {
    const { bytesWritten } = await file.write(chunk, done, chunk.byteLength - done, position + done);
    done += bytesWritten;
  }
}

async function checkRoom(path: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(path));
  if (bytes > bavail * bsize) throw noRoom(undefined);
}

export const sizeOf = async (path: string): Promise<number> =>
  (await stat(path).catch(() => undefined))?.size ?? 0;

export const noRoom = (cause: unknown): Fault =>
  new Fault("pool.full", "There is not enough disk space for the image: free some and try again.", { cause });

export const isErrno = (error: unknown, code: string): boolean =>
  error instanceof Error && (error as NodeJS.ErrnoException).code === code;
