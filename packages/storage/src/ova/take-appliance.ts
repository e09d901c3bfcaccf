import { mkdir, open, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Appliance } from "@serai/model/appliance";
import { guessBytes, guessFormat } from "@serai/model/image-format";
import { hostile, unreadable } from "../formats/refusal.ts";
import type { DiskFormat } from "../formats/inspect-image.ts";
import { inspectImage } from "../formats/inspect-image.ts";
import { takeDisk, type TakenDisk } from "../take-disk.ts";
import type { ToolJail } from "../tool-jail.ts";
import { checkManifest, readManifest } from "./manifest.ts";
import { proposeVm } from "./propose-vm.ts";
import { readOvf } from "./read-ovf.ts";
import { unpack } from "./unpack.ts";

export type ApplianceToTake = {
  id: string;
  archive: string;
  folder: string;
  /** Throws when the archive as a whole is not what was announced. */
  checkWhole: (sha256: string) => void;
};
export type TakenAppliance = { disks: TakenDisk[]; appliance: Appliance; sha256: string };

/** Unpacks an OVA, verifies its manifest, keeps its disks in `folder` and proposes the VM that it describes. */
export async function takeAppliance(
  { id, archive, folder, checkWhole }: ApplianceToTake,
  jail: ToolJail,
  signal: AbortSignal,
): Promise<TakenAppliance> {
  const parts = join(folder, "parts");
  await mkdir(parts, { mode: 0o711 });
  const { files, sha256 } = await unpack(archive, parts, signal);
  checkWhole(sha256);
  const warnings = await verify(files, signal);
  const descriptions = [...files.keys()].filter((name) => /\.ovf$/i.test(name));
  if (descriptions.length !== 1)
    throw unreadable(`An OVA holds one .ovf file; this has ${descriptions.length}.`);
  const ovf = readOvf(await readSmall(files.get(descriptions[0] as string) as string));
  const proposal = proposeVm(ovf, id);
  if (proposal.files.length === 0) throw unreadable("It has no disk with content.");
  const lengths = new Map<string, number>();
  for (const [name, path] of files) lengths.set(name, (await stat(path)).size);
  const disks: TakenDisk[] = [];
  for (const [index, file] of proposal.files.entries()) {
    const path = files.get(file);
    if (path === undefined) throw unreadable(`Its disk ${file} is missing.`);
    const { format, siblings } = await lookAt(path, file, lengths);
    const name = index === 0 ? "content" : `disk${index}`;
    disks.push(
      await takeDisk({ path, format, folder, name, ...(siblings && { siblings: lengths }) }, jail, signal),
    );
  }
  await rm(parts, { recursive: true, force: true });
  const shown = disks.map(({ virtualSizeBytes }, index) => ({
    name: proposal.files[index] as string,
    virtualSizeBytes,
  }));
  return {
    disks,
    sha256,
    appliance: { spec: proposal.spec, disks: shown, warnings: [...warnings, ...proposal.warnings] },
  };
}

const maxSmallBytes = 2 * 1024 * 1024;

async function readSmall(path: string): Promise<Buffer> {
  if ((await stat(path)).size > maxSmallBytes)
    throw hostile("Its description or its manifest is far too long.");
  return readFile(path);
}

async function verify(files: ReadonlyMap<string, string>, signal: AbortSignal): Promise<string[]> {
  const manifests = [...files.keys()].filter((name) => /\.mf$/i.test(name));
  if (manifests.length > 1) throw hostile("It has several manifests.");
  const warnings = [...files.keys()].some((name) => /\.cert$/i.test(name))
    ? ["It carries a signature, which is not verified here."]
    : [];
  const manifest = manifests[0];
  if (manifest === undefined) return [...warnings, "It has no manifest: its files could not be verified."];
  const lines = readManifest(await readSmall(files.get(manifest) as string));
  const unvouched = await checkManifest(lines, files, signal);
  return [...warnings, ...unvouched.map((file) => `The manifest does not vouch for ${file}.`)];
}

/** What a disk is, by its first bytes; a descriptor's parts are judged like the whole. */
async function lookAt(
  path: string,
  name: string,
  lengths: ReadonlyMap<string, number>,
): Promise<{ format: DiskFormat; siblings: boolean }> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(guessBytes), 0, guessBytes, 0);
  const head = buffer.subarray(0, bytesRead);
  const format = guessFormat(head, name);
  if (format === "ova" || format === "iso") throw unreadable(`Its disk ${name} is not a disk image.`);
  if (format !== "vmdk" || head.toString("latin1", 0, 1) !== "#") return { format, siblings: false };
  await inspectImage(path, "vmdk", lengths);
  for (const part of partsNamedIn(head.toString("latin1"))) {
    // A part that is sparse has a header of its own, which could lead elsewhere.
    if (part.isSparse) await inspectImage(path.slice(0, -name.length) + part.file, "vmdk");
  }
  return { format, siblings: true };
}

const partsNamedIn = (descriptor: string): { file: string; isSparse: boolean }[] =>
  [...descriptor.matchAll(/^(?:RW|RDONLY|NOACCESS) [0-9]+ ([A-Z]+) "([^"]+)"/gm)].map((match) => ({
    file: match[2] as string,
    isSparse: match[1] === "SPARSE",
  }));
