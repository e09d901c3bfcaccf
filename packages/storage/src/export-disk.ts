import { open } from "node:fs/promises";
import type { DiskExportFormat } from "@serai/model/image-format";
import { convertImage } from "./convert-image.ts";
import { hostile } from "./formats/refusal.ts";
import type { ToolJail } from "./tool-jail.ts";

/** A disk as it lies on this host, at rest. */
export type DiskAtRest = {
  path: string;
  format: "raw" | "qcow2";
  virtualSizeBytes: number;
  backing?: { path: string; format: "raw" | "qcow2" };
  /** Who may read it, where that is not everybody. */
  user?: { uid: number; gid: number };
};

/** How QEMU calls each, with the layout that other readers know best; nothing is left of clones or snapshots. */
const targets: Readonly<Record<DiskExportFormat, { format: string; options?: string }>> = {
  raw: { format: "raw" },
  qcow2: { format: "qcow2", options: "compat=1.1,cluster_size=64k" },
  vmdk: { format: "vmdk", options: "subformat=streamOptimized,adapter_type=lsilogic" },
  "vmdk-sparse": { format: "vmdk", options: "subformat=monolithicSparse,adapter_type=lsilogic" },
  vhdx: { format: "vhdx", options: "subformat=dynamic" },
  vpc: { format: "vpc", options: "subformat=dynamic,force_size=on" },
  vdi: { format: "vdi", options: "static=off" },
};

const deadlineMs = 55 * 60_000;

/**
 * Writes a disk as one file of its own in another format. The disk must be at rest: QEMU's lock on it is asked.
 * Throws `volume.locked`, `pool.full`.
 */
export async function exportDisk(
  disk: DiskAtRest,
  to: { folder: string; path: string; format: DiskExportFormat },
  jail: ToolJail,
  signal: AbortSignal,
): Promise<void> {
  if (disk.format === "qcow2") await checkOwnHeader(disk.path);
  const { user, ...from } = disk;
  const target = { path: to.path, ...targets[to.format] };
  await convertImage(
    { workFolder: to.folder, from, to: target, deadlineMs, ...(user && { user }) },
    jail,
    signal,
  );
}

/** A QEMU that was taken over could have made its volume lead to a file of the host; its backing file is told anyway. */
async function checkOwnHeader(path: string): Promise<void> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(104), 0, 104, 0);
  const isSound = bytesRead === 104 && buffer.readUInt32BE(0) === 0x514649fb;
  if (!isSound || (buffer.readUInt32BE(4) >= 3 && (buffer.readBigUInt64BE(72) & 4n) !== 0n)) {
    throw hostile("Its volume leads to another file.");
  }
}
