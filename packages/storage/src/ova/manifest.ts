import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { Fault } from "@serai/kit/fault";
import { unreadable } from "../formats/refusal.ts";

export type ManifestLine = { algorithm: "sha1" | "sha256" | "sha512"; file: string; digest: string };

const lengths = { sha1: 40, sha256: 64, sha512: 128 } as const;

/** Reads lines such as `SHA256(disk1.vmdk)= 3b1f…`; a line that is none is refused, because it might have been one. */
export function readManifest(bytes: Uint8Array): ManifestLine[] {
  const lines: ManifestLine[] = [];
  for (const line of Buffer.from(bytes).toString("utf8").split(/\r?\n/)) {
    if (line.trim() === "") continue;
    const match = /^\s*(SHA1|SHA256|SHA512)\s*\((.{1,255})\)\s*=\s*([0-9a-f]{40,128})\s*$/i.exec(line);
    const algorithm = match?.[1]?.toLowerCase() as ManifestLine["algorithm"] | undefined;
    const digest = match?.[3]?.toLowerCase() ?? "";
    if (match === null || algorithm === undefined || digest.length !== lengths[algorithm])
      throw unreadable("A line of its manifest cannot be understood.");
    lines.push({ algorithm, file: match[2] as string, digest });
  }
  return lines;
}

/** Compares every file with its line. Answers the files that no line vouches for. */
export async function checkManifest(
  lines: readonly ManifestLine[],
  files: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<string[]> {
  const vouched = new Set<string>();
  for (const { algorithm, file, digest } of lines) {
    const path = files.get(file);
    if (path === undefined) throw unreadable(`Its manifest names ${file}, which is missing.`);
    const hash = createHash(algorithm);
    await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash, { signal });
    if (hash.digest("hex") !== digest) {
      throw new Fault(
        "image.checksum_mismatch",
        `${file} is not what the archive's manifest says; fetch it again.`,
      );
    }
    vouched.add(file);
  }
  return [...files.keys()].filter((file) => !vouched.has(file) && !/\.(mf|cert)$/i.test(file));
}
