import { MiB, type DiskBus, type VmSpec } from "@serai/model/vm-spec";
import type { Ovf, OvfItem } from "./read-ovf.ts";
import { bytesPerUnit } from "./units.ts";

export type Proposal = {
  spec: VmSpec;
  /** The archive's file for each `imageDisk`, in order. */
  files: string[];
  warnings: string[];
};

const resource = {
  cpu: 3,
  memory: 4,
  ide: 5,
  scsi: 6,
  nic: 10,
  floppy: 14,
  cd: 15,
  dvd: 16,
  disk: 17,
  storage: 20,
  usb: 23,
  graphics: 24,
} as const;
const limits = { cpus: 64, memoryBytes: 1024 ** 4, disks: 16, nics: 8 } as const;

type Building = { ovf: Ovf; image: string; warnings: string[]; files: string[] };

/** Makes a spec of what an OVF describes. Whatever has no equal here is named in `warnings`. `image` is the appliance's id. */
export function proposeVm(ovf: Ovf, image: string): Proposal {
  const building: Building = { ovf, image, warnings: [...ovf.warnings], files: [] };
  const memoryBytes = memory(building);
  const description = ovf.description.slice(0, 1024);
  const disks = disksOf(building);
  const nics = nicsOf(building);
  reportTheRest(building);
  const spec: VmSpec = {
    name: nameFrom(ovf.name),
    ...(description !== "" && { description }),
    cpus: cpus(building),
    ...(memoryBytes !== undefined && { memoryBytes }),
    firmware: ovf.hasUefi ? "uefi" : "bios",
    disks,
    nics,
  };
  return {
    spec,
    files: building.files,
    warnings: [...new Set(building.warnings)].slice(0, 64).map((warning) => warning.slice(0, 500)),
  };
}

const itemsOf = ({ ovf }: Building, type: number): OvfItem[] =>
  ovf.items.filter((item) => item.type === type);

function cpus(building: Building): number {
  const wanted = itemsOf(building, resource.cpu)[0]?.quantity ?? 1;
  if (wanted <= limits.cpus && wanted >= 1) return wanted;
  building.warnings.push(`${wanted} CPUs are asked for; a VM here has 1 to ${limits.cpus}.`);
  return wanted < 1 ? 1 : limits.cpus;
}

function memory(building: Building): number | undefined {
  const item = itemsOf(building, resource.memory)[0];
  const unit = bytesPerUnit(item?.units || "MegaBytes");
  if (item?.quantity === undefined || unit === undefined) {
    building.warnings.push("How much memory it needs could not be read; the default is proposed.");
    return undefined;
  }
  const bytes = Math.ceil((item.quantity * unit) / MiB) * MiB;
  if (bytes <= limits.memoryBytes && bytes >= 16 * MiB) return bytes;
  building.warnings.push(`${bytes} bytes of memory are asked for, which a VM here cannot have.`);
  return Math.min(Math.max(bytes, 16 * MiB), limits.memoryBytes);
}

type Disk = NonNullable<VmSpec["disks"]>[number];

function disksOf(building: Building): Disk[] {
  const { ovf, warnings } = building;
  const controllers = new Map(ovf.items.map((item, index) => [item.instance, { item, index }]));
  const attached = itemsOf(building, resource.disk)
    .map((item) => ({ item, controller: controllers.get(item.parent) }))
    // The firmware boots the first: order by controller, then by place on it.
    .toSorted(
      (a, b) => (a.controller?.index ?? 0) - (b.controller?.index ?? 0) || a.item.address - b.item.address,
    );
  const disks: Disk[] = [];
  for (const { item, controller } of attached) {
    const reference = /^(?:ovf:)?\/disk\/(.+)$/.exec(item.hostResource)?.[1];
    const described = ovf.disks.find((disk) => disk.id === reference);
    if (described === undefined) {
      warnings.push(`${item.title || "A disk"} has no content here and was left out.`);
      continue;
    }
    if (disks.length === limits.disks) {
      warnings.push(`${item.title || "A disk"} was left out: a VM here has at most ${limits.disks} disks.`);
      continue;
    }
    const disk: Disk = {
      name: disks.length === 0 ? "root" : `disk${disks.length}`,
      bus: busOf(controller?.item, warnings),
    };
    const proposed = withContent(disk, described, building);
    if (proposed !== undefined) disks.push(proposed);
  }
  return disks;
}

/** A disk that is made from the archive, or an empty one of its size. */
function withContent(
  disk: Disk,
  { id, file, capacityBytes }: Ovf["disks"][number],
  building: Building,
): Disk | undefined {
  const sizeBytes = capacityBytes === undefined ? undefined : Math.ceil(capacityBytes / 512) * 512;
  if (file === undefined) {
    if (sizeBytes !== undefined && sizeBytes >= MiB) return { ...disk, sizeBytes };
    building.warnings.push(`The empty disk ${id} has no size that could be read and was left out.`);
    return undefined;
  }
  const known = building.files.indexOf(file);
  if (known === -1) building.files.push(file);
  return { ...disk, image: building.image, imageDisk: known === -1 ? building.files.length - 1 : known };
}

function busOf(controller: OvfItem | undefined, warnings: string[]): DiskBus {
  const kind = controller?.subType.toLowerCase() ?? "";
  // What we wrote ourselves tells the exact bus in the controller's title.
  const own = /^Serai (virtio-blk|virtio-scsi|sata|nvme)/.exec(controller?.title ?? "")?.[1];
  if (own !== undefined) return own as DiskBus;
  if (kind.includes("virtio")) return "virtio-scsi";
  if (kind.includes("nvme")) return "nvme";
  if (controller?.type === resource.scsi) {
    warnings.push(
      `The SCSI controller ${controller.subType || controller.title} has no equal here; its disks are attached by SATA.`,
    );
  }
  return "sata";
}

function nicsOf(building: Building): NonNullable<VmSpec["nics"]> {
  const { warnings } = building;
  const items = itemsOf(building, resource.nic);
  if (items.length > limits.nics)
    warnings.push(`Only the first ${limits.nics} of ${items.length} NICs are proposed.`);
  return items.slice(0, limits.nics).map((item, index) => {
    const name = `nic${index}`;
    if (item.connection !== "" && item.connection !== "default")
      warnings.push(`${name} was on the network “${item.connection}” and is proposed on the default one.`);
    const kind = item.subType.toLowerCase();
    if (kind.includes("virtio") || item.title.startsWith("Serai virtio"))
      return { name, model: "virtio" as const };
    if (kind !== "" && !kind.startsWith("e1000"))
      warnings.push(`${name} was a ${item.subType} and is proposed as e1000e.`);
    return { name, model: "e1000e" as const };
  });
}

/** A graphics adapter and a way to plug USB devices are there anyway. */
const handled = new Set<number>([
  resource.cpu,
  resource.memory,
  resource.ide,
  resource.scsi,
  resource.storage,
  resource.disk,
  resource.nic,
  resource.graphics,
  resource.usb,
]);

function reportTheRest({ ovf, warnings }: Building): void {
  for (const { type, title, hostResource } of ovf.items) {
    if (handled.has(type)) continue;
    const content = hostResource === "" ? "" : " with its content";
    warnings.push(`${title || `A device of type ${type}`} was left out${content}.`);
  }
}

/** A DNS label as near to the given name as can be. */
function nameFrom(name: string): string {
  const label = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, "-")
    .slice(0, 63)
    .replaceAll(/^-+|-+$/g, "");
  return label === "" ? "appliance" : label;
}
