import { Fault } from "@serai/kit/fault";
import type { LaunchPlan } from "@serai/hypervisor/launch-plan";
import type { VmRecord } from "@serai/model/vm";
import type { CompleteDisk } from "@serai/model/vm-spec";
import type { ImageLibrary, StoredImage } from "@serai/storage/image-library";
import type { Pool } from "@serai/storage/pool";
import { assertId } from "./trusted-intents.ts";

type Stores = { pool: Pool; images: ImageLibrary };

/** Makes every volume that the intent names; those that exist stay as they are. */
export async function provisionVolumes(
  record: VmRecord,
  owner: { uid: number; gid: number } | undefined,
  { pool, images }: Stores,
  signal: AbortSignal,
): Promise<void> {
  for (const disk of record.spec.disks) {
    const base = await baseOf(disk, images, signal);
    if (base !== undefined && isUsedDirectly(disk, base)) continue;
    await pool.createVolume(
      {
        vm: record.id,
        disk: disk.name,
        sizeBytes: disk.sizeBytes ?? (base && contentOf(disk, base, images).virtualSizeBytes) ?? 0,
        ...(base !== undefined && { base: contentOf(disk, base, images) }),
        ...(owner !== undefined && { owner }),
      },
      signal,
    );
  }
}

/** Turns intent into what the hypervisor needs, with this host's own paths. */
export async function launchPlanFor(
  record: VmRecord,
  { pool, images }: Stores,
  signal: AbortSignal,
): Promise<LaunchPlan> {
  const disks: LaunchPlan["disks"] = [];
  for (const disk of record.spec.disks) {
    const base = await baseOf(disk, images, signal);
    const location =
      base !== undefined && isUsedDirectly(disk, base)
        ? contentOf(disk, base, images)
        : await pool.attach(record.id, disk.name, signal);
    const { path, format } = location;
    const below = base === undefined ? undefined : contentOf(disk, base, images).path;
    disks.push({
      name: disk.name,
      bus: disk.bus,
      isReadOnly: disk.isReadOnly,
      path,
      format,
      ...(below !== undefined && below !== path && { backing: [below] }),
    });
  }
  const kernel = await kernelOf(record, images, signal);
  return {
    vm: record.id,
    uuid: record.uuid,
    generation: record.generation,
    resetCount: record.resetCount,
    machineType: record.machineType,
    spec: record.spec,
    disks,
    ...(kernel !== undefined && { kernel }),
  };
}

async function kernelOf(
  record: VmRecord,
  images: ImageLibrary,
  signal: AbortSignal,
): Promise<LaunchPlan["kernel"]> {
  const wanted = record.spec.kernel;
  if (wanted === undefined) return undefined;
  const image = await held(wanted.image, images, signal);
  const { content, contentUefi, initrd } = image.files;
  const file = record.spec.firmware === "uefi" ? (contentUefi ?? content) : content;
  return {
    path: images.pathOf(wanted.image, file),
    ...(initrd !== undefined && { initrdPath: images.pathOf(wanted.image, initrd) }),
    cmdline: wanted.cmdline ?? image.guest?.cmdline ?? "",
  };
}

export const baseOf = async (
  disk: CompleteDisk,
  images: ImageLibrary,
  signal: AbortSignal,
): Promise<StoredImage | undefined> =>
  disk.image === undefined ? undefined : held(disk.image, images, signal);

export async function held(id: string, images: ImageLibrary, signal: AbortSignal): Promise<StoredImage> {
  assertId(id);
  const image = await images.find(id, signal);
  if (image === undefined)
    throw new Fault("image.not_ready", `Image ${id} is not on this host yet; wait until it is ready.`);
  return image;
}

/** Nothing is ever written to it, so the image itself serves. */
export const isUsedDirectly = (disk: CompleteDisk, image: StoredImage): boolean =>
  disk.isReadOnly || image.kind === "iso";

/** The image's content that this disk is made from; an appliance has several. */
export function contentOf(
  disk: Pick<CompleteDisk, "image" | "imageDisk">,
  image: StoredImage,
  images: ImageLibrary,
): { path: string; format: "raw" | "qcow2"; virtualSizeBytes: number } {
  const whole = {
    file: image.files.content,
    format: image.format === "qcow2" ? ("qcow2" as const) : ("raw" as const),
    virtualSizeBytes: image.virtualSizeBytes,
  };
  const index = disk.imageDisk ?? 0;
  const content = image.files.disks === undefined && index === 0 ? whole : image.files.disks?.[index];
  if (content === undefined) throw new Fault("vm.spec_invalid", `Image ${disk.image} has no disk ${index}.`);
  const { file, ...facts } = content;
  return { path: images.pathOf(disk.image as string, file), ...facts };
}
