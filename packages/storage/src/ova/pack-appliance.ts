import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { CompleteVmSpec } from "@serai/model/vm-spec";
import { pack } from "tar-stream";
import type { Export } from "../exports.ts";
import { writeOvf, type ExportedDisk } from "./write-ovf.ts";

type Entry = { name: string; sizeBytes: number; open: () => Readable };

/** Packs disks that lie ready into an OVA stream: description first, as OVF asks, then manifest, then disks. */
export async function packAppliance(
  spec: CompleteVmSpec,
  disks: ReadonlyMap<string, { path: string; virtualSizeBytes: number }>,
  signal: AbortSignal,
): Promise<Export> {
  const described = new Map<string, ExportedDisk>();
  const entries: Entry[] = [];
  let manifest = "";
  for (const [name, { path, virtualSizeBytes }] of disks) {
    const file = `${spec.name}-${name}.vmdk`;
    const sizeBytes = (await stat(path)).size;
    const hash = createHash("sha256");
    await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash, { signal });
    manifest += `SHA256(${file})= ${hash.digest("hex")}\n`;
    described.set(name, { file, fileBytes: sizeBytes, virtualSizeBytes });
    entries.push({
      name: file,
      sizeBytes,
      open: () => createReadStream(path, { highWaterMark: 1024 * 1024 }),
    });
  }
  const description = writeOvf(spec, described);
  manifest = `SHA256(${spec.name}.ovf)= ${createHash("sha256").update(description).digest("hex")}\n${manifest}`;
  const all = [
    textEntry(`${spec.name}.ovf`, description),
    textEntry(`${spec.name}.mf`, manifest),
    ...entries,
  ];
  const sizeBytes = all.reduce((sum, entry) => sum + 512 + Math.ceil(entry.sizeBytes / 512) * 512, 1024);
  return { content: Readable.from(archive(all), { objectMode: false }), sizeBytes };
}

const textEntry = (name: string, text: string): Entry => ({
  name,
  sizeBytes: Buffer.byteLength(text),
  open: () => Readable.from([Buffer.from(text)]),
});

async function* archive(entries: readonly Entry[]): AsyncGenerator<Uint8Array> {
  const out = pack();
  const feeding = feed(out, entries);
  feeding.catch((error: Error) => out.destroy(error));
  try {
    yield* out as unknown as AsyncIterable<Uint8Array>;
    await feeding;
  } finally {
    out.destroy();
    await feeding.catch(() => {}); // thrown above, or whoever read it has gone
  }
}

async function feed(out: ReturnType<typeof pack>, entries: readonly Entry[]): Promise<void> {
  for (const { name, sizeBytes, open } of entries) {
    const entry = out.entry({ name, size: sizeBytes, mode: 0o644, type: "file" });
    await pipeline(open(), entry as unknown as NodeJS.WritableStream);
  }
  out.finalize();
}
