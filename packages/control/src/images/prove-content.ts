import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Fault } from "@serai/kit/fault";
import type { CatalogueEntry, ChecksumAlgorithm } from "./catalogue.ts";
import { fetchText } from "./fetch-with-limits.ts";

const maxListBytes = 4 * 1024 * 1024;

/** What the content's checksum must be, from the entry itself or from its vendor's (signed) list. */
export async function expectedDigest(entry: CatalogueEntry, signal: AbortSignal): Promise<string> {
  const { proof } = entry;
  if ("digest" in proof) return proof.digest;
  const list = await fetchText(proof.url, maxListBytes, signal);
  if (typeof proof.signature !== "string") {
    const signature = await fetchText(proof.signature.url, maxListBytes, signal);
    await checkSignature({ list, signature, keyring: proof.signature.keyring, name: entry.name }, signal);
  }
  const file = new URL(entry.url).pathname.split("/").at(-1) ?? "";
  const digest = digestIn(list, file);
  if (digest !== undefined) return digest;
  throw new Fault("image.checksum_mismatch", `The vendor's list of checksums does not name ${file}.`);
}

/** Finds a file's line in what `sha256sum` or `sha256sum --tag` prints. */
export function digestIn(list: string, file: string): string | undefined {
  for (const line of list.split("\n")) {
    const plain = /^([0-9a-f]{64,128}) [ *](?:\.\/)?(.+)$/.exec(line.trim());
    if (plain?.[2] === file) return plain[1];
    const tagged = /^SHA(?:256|512) \((.+)\) = ([0-9a-f]{64,128})$/.exec(line.trim());
    if (tagged?.[1] === file) return tagged[2];
  }
  return undefined;
}

/** Throws `image.checksum_mismatch`. */
export async function checkDigest(
  path: string,
  { algorithm, digest }: { algorithm: ChecksumAlgorithm; digest: string },
  signal: AbortSignal,
): Promise<void> {
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024, signal }))
    hash.update(chunk as Buffer);
  const found = hash.digest("hex");
  if (found === digest) return;
  throw new Fault(
    "image.checksum_mismatch",
    `The content's ${algorithm} is ${found.slice(0, 16)}…, not ${digest.slice(0, 16)}…: it is not what was published.`,
    { details: { algorithm, expected: digest, found } },
  );
}

type Signed = { list: string; signature: string; keyring: string; name: string };

async function checkSignature(
  { list, signature, keyring, name }: Signed,
  signal: AbortSignal,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "serai-gpgv-"));
  try {
    const [data, sign] = [join(folder, "list"), join(folder, "list.sig")];
    await writeFile(data, list);
    await writeFile(sign, signature);
    const code = await run("gpgv", ["--quiet", "--keyring", keyring, sign, data], signal);
    if (code === 0) return;
    throw new Fault(
      "image.signature_invalid",
      code === "missing"
        ? "gpgv is not installed, so the signature cannot be checked: install the package gpgv."
        : `The signature of ${name}'s checksums is not from its vendor's key (${keyring}): do not use this content.`,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function run(program: string, args: string[], signal: AbortSignal): Promise<number | "missing"> {
  return new Promise((resolve, reject) => {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(30_000)]);
    const child = spawn(program, args, {
      stdio: "ignore",
      signal: deadline,
      env: { PATH: process.env["PATH"], HOME: "/nonexistent" },
    });
    child.on("error", (error: NodeJS.ErrnoException) =>
      error.code === "ENOENT" ? resolve("missing") : reject(error),
    );
    child.on("exit", (code) => resolve(code ?? 1));
  });
}
