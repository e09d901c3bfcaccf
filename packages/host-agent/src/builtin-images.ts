import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "@serai/kit/fault";
import type { BuiltinImage } from "@serai/storage/image-library";

/** The part of a guest builder's manifest.json that a host needs. */
type Manifest = {
  name: string;
  kind: "disk" | "kernel";
  os: { family: string; id: string; version: string };
  files: Partial<
    Record<
      "disk" | "kernel" | "kernelUefi" | "initrd",
      { path: string; format?: "qcow2"; sizeBytes?: number }
    >
  >;
  cmdline?: string;
  firmware: ("bios" | "uefi")[];
  hasAgent: boolean;
  minMemoryBytes: number;
};

/**
 * Finds an image that set-up built on this host: the folder `<root>/<name>-<hash>` with the newest manifest.
 * Throws `image.not_found` with what to do when there is none.
 */
export async function findBuiltinImage(root: string | undefined, name: string): Promise<BuiltinImage> {
  const found: { manifest: Manifest; folder: string; builtMs: number }[] = [];
  for (const entry of root === undefined ? [] : await readdir(root).catch(() => [])) {
    if (root === undefined || !entry.startsWith(`${name}-`)) continue;
    const folder = join(root, entry);
    const path = join(folder, "manifest.json");
    const text = await readFile(path, "utf8").catch(() => undefined); // a folder that is still being filled
    if (text === undefined) continue;
    const manifest = JSON.parse(text) as Manifest;
    if (manifest.name === name) found.push({ manifest, folder, builtMs: (await stat(path)).mtimeMs });
  }
  const newest = found.toSorted((a, b) => b.builtMs - a.builtMs)[0];
  if (newest === undefined) {
    throw new Fault("image.not_found", `There is no image ${name} built on this host; run npm run setup.`);
  }
  return fromManifest(newest.manifest, newest.folder);
}

function fromManifest(manifest: Manifest, folder: string): BuiltinImage {
  const { disk, kernel, kernelUefi, initrd } = manifest.files;
  const content = manifest.kind === "disk" ? disk : kernel;
  if (content === undefined)
    throw new Fault(
      "image.unreadable",
      `The manifest of ${manifest.name} names no content; run npm run setup.`,
    );
  return {
    kind: manifest.kind,
    format: content.format ?? "raw",
    content: join(folder, content.path),
    virtualSizeBytes: content.sizeBytes ?? 0,
    ...(initrd && { initrd: join(folder, initrd.path) }),
    ...(kernelUefi && { contentUefi: join(folder, kernelUefi.path) }),
    guest: {
      family: manifest.os.family,
      title: titleOf(manifest.os),
      firmware: manifest.firmware,
      hasAgent: manifest.hasAgent,
      minMemoryBytes: manifest.minMemoryBytes,
      ...(manifest.cmdline !== undefined && { cmdline: manifest.cmdline }),
    },
  };
}

/** "debian", "12" → "Debian 12"; of a kernel's long version only the number. */
const titleOf = ({ id, version }: Manifest["os"]): string =>
  `${id.charAt(0).toUpperCase()}${id.slice(1)} ${version.split("-")[0] ?? ""}`.trim();
