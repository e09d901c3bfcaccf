import { unreadable } from "../formats/refusal.ts";
import { bytesPerUnit } from "./units.ts";
import { child, children, readXml, textOf, type XmlElement } from "./xml.ts";

/** One row of an OVF's virtual hardware. */
export type OvfItem = {
  instance: string;
  /** The number of CIM's ResourceType: 3 CPU, 4 memory, 17 disk, … */
  type: number;
  subType: string;
  title: string;
  quantity: number | undefined;
  units: string;
  parent: string;
  address: number;
  hostResource: string;
  connection: string;
  isRequired: boolean;
};

export type OvfDisk = { id: string; file?: string; capacityBytes?: number };

/** An OVF as its words say, before anything is made of it. */
export type Ovf = {
  name: string;
  description: string;
  items: OvfItem[];
  disks: OvfDisk[];
  networks: string[];
  hasUefi: boolean;
  /** What it says and nobody here understands. */
  warnings: string[];
};

const silent = new Set(["Info", "References", "DiskSection", "NetworkSection", "VirtualSystem", "Strings"]);
const silentInSystem = new Set([
  "Info",
  "Name",
  "OperatingSystemSection",
  "VirtualHardwareSection",
  "AnnotationSection",
]);
const silentInHardware = new Set([
  "Info",
  "System",
  "Item",
  "StorageItem",
  "EthernetPortItem",
  "Config",
  "ExtraConfig",
  "Transport",
]);
const maxItems = 256;

/** Reads an OVF 1 or 2 envelope that describes one VM. Throws `image.unreadable` and `image.hostile`. */
export function readOvf(bytes: Uint8Array): Ovf {
  const envelope = readXml(bytes);
  if (envelope.name !== "Envelope") throw unreadable("Its description is not an OVF envelope.");
  if (child(envelope, "VirtualSystemCollection") !== undefined) {
    throw unreadable("It holds several VMs; export them one by one.");
  }
  const system = child(envelope, "VirtualSystem");
  const hardware = child(system, "VirtualHardwareSection");
  if (system === undefined || hardware === undefined) throw unreadable("It describes no VM.");
  const items = hardware.children
    .filter(({ name }) => /^(Item|StorageItem|EthernetPortItem)$/.test(name))
    .map(itemOf);
  if (items.length > maxItems) throw unreadable("It describes far too many devices.");
  const config = configOf(hardware);
  return {
    name: textOf(system, "Name") || system.attributes.get("id") || "",
    description: textOf(child(system, "AnnotationSection"), "Annotation"),
    items,
    disks: disksOf(envelope),
    networks: children(child(envelope, "NetworkSection"), "Network").map(
      (network) => network.attributes.get("name") ?? "",
    ),
    hasUefi: hasUefi(system, config),
    warnings: [...unknownSections(envelope, system, hardware), ...configWarnings(config)],
  };
}

function itemOf(element: XmlElement): OvfItem {
  const quantity = textOf(element, "VirtualQuantity");
  return {
    instance: textOf(element, "InstanceID"),
    type: Number(textOf(element, "ResourceType")),
    subType: textOf(element, "ResourceSubType"),
    title: textOf(element, "ElementName") || textOf(element, "Caption") || textOf(element, "Description"),
    quantity: /^[0-9]{1,15}$/.test(quantity) ? Number(quantity) : undefined,
    units: textOf(element, "AllocationUnits") || textOf(element, "VirtualQuantityUnits"),
    parent: textOf(element, "Parent"),
    address: Number(textOf(element, "AddressOnParent")) || 0,
    hostResource: textOf(element, "HostResource"),
    connection: textOf(element, "Connection"),
    isRequired: element.attributes.get("required") !== "false",
  };
}

function disksOf(envelope: XmlElement): OvfDisk[] {
  const files = new Map<string, string>();
  for (const file of children(child(envelope, "References"), "File")) {
    const href = file.attributes.get("href") ?? "";
    if (file.attributes.has("compression") && file.attributes.get("compression") !== "identity") {
      throw unreadable(`Its file ${href} is compressed as a whole; export it again without that.`);
    }
    if (file.attributes.has("chunkSize"))
      throw unreadable(`Its file ${href} is split into pieces; export it again without that.`);
    files.set(file.attributes.get("id") ?? "", href);
  }
  return children(child(envelope, "DiskSection"), "Disk").map((disk) => {
    const id = disk.attributes.get("diskId") ?? "";
    if (disk.attributes.has("parentRef"))
      throw unreadable(`Its disk ${id} is a difference to another; export the VM as a whole.`);
    const reference = disk.attributes.get("fileRef");
    const file = reference === undefined ? undefined : files.get(reference);
    if (reference !== undefined && file === undefined)
      throw unreadable(`Its disk ${id} names a file that it does not list.`);
    const unit = bytesPerUnit(disk.attributes.get("capacityAllocationUnits") ?? "");
    const capacity = Number(disk.attributes.get("capacity")) * (unit ?? Number.NaN);
    return {
      id,
      ...(file !== undefined && { file }),
      ...(Number.isSafeInteger(capacity) && { capacityBytes: capacity }),
    };
  });
}

/** VMware's settings, by key. */
function configOf(hardware: XmlElement): ReadonlyMap<string, string> {
  const entries = [...children(hardware, "Config"), ...children(hardware, "ExtraConfig")];
  return new Map(
    entries.map(({ attributes }) => [attributes.get("key") ?? "", attributes.get("value") ?? ""]),
  );
}

function hasUefi(system: XmlElement, config: ReadonlyMap<string, string>): boolean {
  // VirtualBox keeps it in a section of its own.
  const virtualBox =
    child(child(child(system, "Machine"), "Hardware"), "Firmware")?.attributes.get("type") ?? "";
  return config.get("firmware")?.toLowerCase() === "efi" || virtualBox.toUpperCase().startsWith("EFI");
}

function unknownSections(envelope: XmlElement, system: XmlElement, hardware: XmlElement): string[] {
  const unknown = [
    ...envelope.children.filter(({ name }) => !silent.has(name)),
    ...system.children.filter(({ name }) => !silentInSystem.has(name)),
    ...hardware.children.filter(({ name }) => !silentInHardware.has(name)),
  ];
  return [...new Set(unknown.map(({ name }) => name))].map((name) =>
    name === "Machine"
      ? "VirtualBox's own section Machine was left out, except for its firmware."
      : `The section ${name} is not understood and was left out.`,
  );
}

/** The keys that are about what we keep (or is nothing to a guest here) pass; all others are told. */
function configWarnings(config: ReadonlyMap<string, string>): string[] {
  const keys = [...config.keys()].filter((key) => key !== "firmware" && !key.startsWith("serai."));
  return keys.length === 0
    ? []
    : [
        `Settings of another product were left out: ${keys.slice(0, 40).join(", ")}${keys.length > 40 ? ", …" : ""}.`,
      ];
}
