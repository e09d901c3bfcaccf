import { specFault } from "./complete-vm-spec.ts";
import { imageDiskBytes, type ImageRecord } from "./image.ts";
import { userNetwork } from "./network.ts";
import type { CompleteDisk, CompleteNic, CompleteVmSpec } from "./vm-spec.ts";

export type SpecWorld = {
  image: (id: string) => ImageRecord | undefined;
  /** The name of another VM that forwards this host port, if one does. */
  portOwner: (protocol: "tcp" | "udp", hostPort: number) => string | undefined;
  hasGroup: (name: string) => boolean;
};

/** Throws `vm.spec_invalid` with what to do when a complete spec breaks a rule that needs more than its own schema. */
export function checkVmSpec(spec: CompleteVmSpec, world: SpecWorld): void {
  checkUnique("disks", spec.disks);
  checkUnique("nics", spec.nics);
  checkMacs(spec);
  checkPorts(spec, world);
  for (const nic of spec.nics) checkNic(nic, world);
  checkKernel(spec, world);
  for (const disk of spec.disks) checkDisk(disk, world);
  for (const id of imagesOf(spec)) checkGuest(spec, world.image(id));
}

/** The ids of the images that a spec needs. */
export function imagesOf(spec: CompleteVmSpec): string[] {
  const ids = spec.disks.map((disk) => disk.image).filter((id) => id !== undefined);
  return spec.kernel ? [spec.kernel.image, ...ids] : ids;
}

function checkUnique(field: string, devices: readonly { name: string }[]): void {
  const seen = new Set<string>();
  for (const { name } of devices) {
    if (seen.has(name)) throw specFault(field, `Two ${field} are called ${name}: give each its own name.`);
    seen.add(name);
  }
}

function checkMacs(spec: CompleteVmSpec): void {
  const seen = new Set<string>();
  for (const { mac } of spec.nics) {
    if (seen.has(mac))
      throw specFault("nics", `Two NICs have the MAC address ${mac}: change one, or leave it out.`);
    seen.add(mac);
  }
}

function checkPorts(spec: CompleteVmSpec, world: SpecWorld): void {
  const seen = new Set<string>();
  for (const nic of spec.nics) {
    for (const { protocol, hostPort } of nic.forwards) {
      const port = `${protocol}/${hostPort}`;
      const field = `nics.${nic.name}.forwards`;
      if (seen.has(port))
        throw specFault(field, `Host port ${port} is forwarded twice: choose another host port.`);
      seen.add(port);
      const owner = world.portOwner(protocol, hostPort);
      if (owner !== undefined) {
        throw specFault(field, `Host port ${port} already leads to ${owner}: choose another host port.`);
      }
    }
  }
}

function checkNic(nic: CompleteNic, world: SpecWorld): void {
  const field = `nics.${nic.name}`;
  if (nic.network !== userNetwork) {
    if (nic.forwards.length > 0) {
      throw specFault(
        `${field}.forwards`,
        `${nic.name} is on a network that VMs share: forward ports at the network, to the NIC's address.`,
      );
    }
  } else if (
    nic.groups !== undefined ||
    nic.bandwidth !== undefined ||
    (nic.address4 ?? nic.address6) !== undefined
  ) {
    throw specFault(
      field,
      `${nic.name} is on the network user, which has no groups, addresses or limits: choose another network.`,
    );
  }
  for (const group of nic.groups ?? []) {
    if (!world.hasGroup(group))
      throw specFault(`${field}.groups`, `There is no security group ${group}: create it first.`);
  }
}

function checkKernel(spec: CompleteVmSpec, world: SpecWorld): void {
  if (spec.kernel === undefined) return;
  const image = world.image(spec.kernel.image);
  if (image === undefined || image.kind === "kernel") return;
  throw specFault(
    "kernel.image",
    `${image.name} is a ${image.kind} image and has no kernel to boot directly: give it as the image of a disk.`,
  );
}

function checkDisk(disk: CompleteDisk, world: SpecWorld): void {
  const field = `disks.${disk.name}`;
  if (disk.image === undefined) {
    if (disk.sizeBytes === undefined)
      throw specFault(field, `Disk ${disk.name} needs an image or sizeBytes.`);
    return;
  }
  const image = world.image(disk.image);
  if (image === undefined) return;
  if (image.kind === "kernel") {
    throw specFault(field, `${image.name} is a kernel image and cannot be a disk: give it as kernel.image.`);
  }
  const imageBytes = imageDiskBytes(image, disk.imageDisk);
  if (imageBytes === undefined && disk.imageDisk !== undefined) {
    throw specFault(
      `${field}.imageDisk`,
      `${image.name} has no disk ${disk.imageDisk}; its disks are counted from 0.`,
    );
  }
  if (disk.sizeBytes !== undefined && disk.sizeBytes < (imageBytes ?? 0)) {
    throw specFault(
      `${field}.sizeBytes`,
      `Disk ${disk.name} is smaller (${disk.sizeBytes} bytes) than its image ${image.name}: give at least ${imageBytes}.`,
    );
  }
}

function checkGuest(spec: CompleteVmSpec, image: ImageRecord | undefined): void {
  const guest = image?.guest;
  if (image === undefined || guest === undefined) return;
  if (spec.memoryBytes < guest.minMemoryBytes) {
    throw specFault(
      "memoryBytes",
      `${guest.title} needs at least ${guest.minMemoryBytes} bytes of memory; ${spec.memoryBytes} were given.`,
    );
  }
  if (guest.firmware.length > 0 && !guest.firmware.includes(spec.firmware)) {
    throw specFault(
      "firmware",
      `${image.name} does not boot with ${spec.firmware}: choose ${guest.firmware.join(" or ")}.`,
    );
  }
}
