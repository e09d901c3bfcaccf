import { Fault } from "@serai/kit/fault";
import { imageDiskBytes, type ImageRecord } from "./image.ts";
import { userNetwork, type NetworkRecord } from "./network.ts";
import {
  MiB,
  type CompleteDisk,
  type CompleteNic,
  type CompleteVmSpec,
  type VmChange,
  type VmSpec,
} from "./vm-spec.ts";

export type SpecContext = {
  /** Finds a ready image by id, name or prefix; throws when there is none. */
  image: (reference: string) => ImageRecord;
  /** Finds a network by id, name or prefix; throws when there is none. */
  network: (reference: string) => NetworkRecord;
  /** A fresh, locally administered MAC address: randomness stays outside. */
  newMac: () => string;
};

const defaultMemoryBytes = 512 * MiB;
const defaultPolicy = {
  onShutdown: "stop",
  onPanic: "restart",
  onHang: "restart",
  onCrash: "restart",
} as const;

/**
 * Fills in every default and turns image references into ids. The result is what hosts act on.
 * Throws `vm.spec_invalid` for what no schema can express; see {@link checkVmSpec} for the rest.
 */
export function completeVmSpec(spec: VmSpec, context: SpecContext): CompleteVmSpec {
  const kernelImage = spec.kernel && context.image(spec.kernel.image);
  const pairs = (spec.disks ?? []).map((disk) => {
    const image = disk.image === undefined ? undefined : context.image(disk.image);
    return { image, disk: completeDisk(disk, image) };
  });
  const images = [kernelImage, ...pairs.map((pair) => pair.image)].filter((image) => image !== undefined);
  const cmdline = spec.kernel?.cmdline ?? kernelImage?.guest?.cmdline;
  return {
    name: spec.name,
    description: spec.description ?? "",
    labels: spec.labels ?? {},
    cpus: spec.cpus ?? 1,
    memoryBytes: spec.memoryBytes ?? defaultMemory(images),
    firmware: spec.firmware ?? defaultFirmware(images),
    ...(kernelImage && { kernel: { image: kernelImage.id, ...(cmdline !== undefined && { cmdline }) } }),
    disks: pairs.map((pair) => pair.disk),
    nics: (spec.nics ?? [{ name: "nic0" }]).map((nic) => completeNic(nic, context)),
    display: spec.display ?? "vga",
    hasAgent: spec.hasAgent ?? true,
    hasRng: spec.hasRng ?? true,
    hasBalloon: spec.hasBalloon ?? true,
    hasWatchdog: spec.hasWatchdog ?? false,
    policy: { ...defaultPolicy, ...spec.policy },
  };
}

/**
 * The spec after a change. Lists are replaced as a whole; a NIC that keeps its name keeps its MAC address.
 * Throws `vm.spec_invalid` when a disk would shrink or get another image: its content is the guest's.
 */
export function applyVmChange(
  before: CompleteVmSpec,
  change: VmChange,
  context: SpecContext,
): CompleteVmSpec {
  const nics = (change.nics ?? before.nics).map((nic) => {
    const old = before.nics.find((candidate) => candidate.name === nic.name);
    const mac = nic.mac ?? old?.mac;
    return { ...nic, ...(mac !== undefined && { mac }) };
  });
  const disks = change.disks?.map((disk) => keepDisk(disk, before.disks)) ?? before.disks;
  const policy = { ...before.policy, ...change.policy };
  const after = completeVmSpec({ ...before, ...change, nics, disks, policy }, context);
  for (const disk of after.disks) checkKept(disk, before.disks);
  return after;
}

type DiskSpec = NonNullable<VmSpec["disks"]>[number];
type NicSpec = NonNullable<VmSpec["nics"]>[number];

function keepDisk(disk: DiskSpec, before: CompleteDisk[]): DiskSpec {
  const sizeBytes = disk.sizeBytes ?? before.find((old) => old.name === disk.name)?.sizeBytes;
  return { ...disk, ...(sizeBytes !== undefined && { sizeBytes }) };
}

function checkKept(disk: CompleteDisk, before: CompleteDisk[]): void {
  const old = before.find((candidate) => candidate.name === disk.name);
  if (old === undefined) return;
  if (old.image !== disk.image || (old.imageDisk ?? 0) !== (disk.imageDisk ?? 0)) {
    throw specFault(
      `disks.${disk.name}`,
      `Disk ${disk.name} was made from another image; add a disk of another name instead.`,
    );
  }
  if ((disk.sizeBytes ?? 0) < (old.sizeBytes ?? 0)) {
    throw specFault(
      `disks.${disk.name}.sizeBytes`,
      `Disk ${disk.name} has ${old.sizeBytes} bytes and cannot shrink to ${disk.sizeBytes}: give at least its size.`,
    );
  }
}

function completeDisk(disk: DiskSpec, image: ImageRecord | undefined): CompleteDisk {
  const isIso = image?.kind === "iso";
  const imageBytes = image && imageDiskBytes(image, disk.imageDisk);
  const sizeBytes = disk.sizeBytes ?? (imageBytes && Math.ceil(imageBytes / 512) * 512);
  return {
    name: disk.name,
    bus: disk.bus ?? (isIso ? "sata" : "virtio-blk"),
    ...(image && { image: image.id }),
    ...(image && disk.imageDisk !== undefined && { imageDisk: disk.imageDisk }),
    ...(sizeBytes !== undefined && { sizeBytes }),
    isReadOnly: disk.isReadOnly ?? isIso,
  };
}

function completeNic(nic: NicSpec, context: SpecContext): CompleteNic {
  const isUser = nic.network === undefined || nic.network === userNetwork;
  return {
    name: nic.name,
    model: nic.model ?? "virtio",
    mac: nic.mac ?? context.newMac(),
    network: isUser ? userNetwork : context.network(nic.network ?? "").id,
    forwards: nic.forwards ?? [],
    ...(nic.groups !== undefined && nic.groups.length > 0 && { groups: nic.groups }),
    ...(nic.address4 !== undefined && { address4: nic.address4 }),
    ...(nic.address6 !== undefined && { address6: nic.address6 }),
    ...(nic.bandwidth !== undefined && { bandwidth: nic.bandwidth }),
  };
}

function defaultMemory(images: ImageRecord[]): number {
  const least = Math.max(0, ...images.map((image) => image.guest?.minMemoryBytes ?? 0));
  return Math.max(defaultMemoryBytes, Math.ceil(least / MiB) * MiB);
}

function defaultFirmware(images: ImageRecord[]): "bios" | "uefi" {
  const guest = images.find((image) => image.guest !== undefined)?.guest;
  return guest !== undefined && !guest.firmware.includes("bios") && guest.firmware.includes("uefi")
    ? "uefi"
    : "bios";
}

export const specFault = (field: string, message: string): Fault =>
  new Fault("vm.spec_invalid", message, { details: { field } });
