import { Fault } from "@serai/kit/fault";
import type { DiskExportFormat, VmExportFormat } from "@serai/model/image-format";
import type { VmRecord } from "@serai/model/vm";
import type { CompleteDisk } from "@serai/model/vm-spec";
import type { DiskAtRest } from "@serai/storage/export-disk";
import type { Export, Exports } from "@serai/storage/exports";
import type { ImageLibrary } from "@serai/storage/image-library";
import type { Pool } from "@serai/storage/pool";
import { baseOf, contentOf, held, isUsedDirectly } from "./launch-plan-for.ts";

type Stores = { pool: Pool; images: ImageLibrary; exports: Exports };

/** Sends an image out as one disk file; of an appliance, its first disk. */
export async function exportImage(
  id: string,
  format: DiskExportFormat,
  { images, exports }: Pick<Stores, "images" | "exports">,
  signal: AbortSignal,
): Promise<Export> {
  const image = await held(id, images, signal);
  if (image.kind === "kernel") {
    throw new Fault("image.not_ready", "A kernel image is no disk and cannot be exported as one.");
  }
  const disk: DiskAtRest = contentOf({ image: id }, image, images);
  return exports.disk(disk, { name: id, format }, signal);
}

export type VmToSend = {
  record: VmRecord;
  format: VmExportFormat;
  /** Which disk, for formats of one; default: the first. */
  disk?: string;
  owner?: { uid: number; gid: number };
};

/** Sends a stopped VM out: one of its disks, or all of it as OVA. Installation media do not go along. */
export async function exportVm(
  { record, format, disk: name, owner }: VmToSend,
  stores: Stores,
  signal: AbortSignal,
): Promise<Export> {
  const { spec } = record;
  if (format === "ova") {
    if (spec.kernel !== undefined) {
      throw new Fault(
        "vm.spec_invalid",
        "It boots a kernel directly, which an OVA cannot hold: export its disks.",
      );
    }
    const disks = new Map<string, DiskAtRest>();
    const kept: CompleteDisk[] = [];
    for (const disk of spec.disks) {
      const base = await baseOf(disk, stores.images, signal);
      if (base?.kind === "iso") continue;
      kept.push(disk);
      disks.set(disk.name, await atRest({ record, disk, owner }, stores, signal));
    }
    return stores.exports.appliance({ spec: { ...spec, disks: kept }, disks }, signal);
  }
  const disk = name === undefined ? spec.disks[0] : spec.disks.find((candidate) => candidate.name === name);
  if (disk === undefined) {
    throw new Fault(
      "volume.not_found",
      name === undefined ? "It has no disk to export." : `It has no disk ${name}.`,
    );
  }
  const as = { name: `${spec.name}-${disk.name}`, format };
  return stores.exports.disk(await atRest({ record, disk, owner }, stores, signal), as, signal);
}

async function atRest(
  { record, disk, owner }: { record: VmRecord; disk: CompleteDisk; owner: VmToSend["owner"] | undefined },
  { pool, images }: Stores,
  signal: AbortSignal,
): Promise<DiskAtRest> {
  const base = await baseOf(disk, images, signal);
  const content = base && contentOf(disk, base, images);
  if (base !== undefined && content !== undefined && isUsedDirectly(disk, base)) return content;
  const { path, format } = pool.locate(record.id, disk.name);
  return {
    path,
    format,
    virtualSizeBytes: disk.sizeBytes ?? content?.virtualSizeBytes ?? 0,
    ...(content !== undefined && { backing: { path: content.path, format: content.format } }),
    ...(owner !== undefined && { user: owner }),
  };
}
