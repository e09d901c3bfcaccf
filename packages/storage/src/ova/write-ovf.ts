import type { CompleteVmSpec, DiskBus } from "@serai/model/vm-spec";

export type ExportedDisk = { file: string; fileBytes: number; virtualSizeBytes: number };

const streamOptimized = "http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized";

/** What other products know; the exact bus stands in the title, where we read it again. */
const controllers: Readonly<Record<DiskBus, { type: number; subType: string }>> = {
  "virtio-blk": { type: 6, subType: "lsilogic" },
  "virtio-scsi": { type: 6, subType: "lsilogic" },
  sata: { type: 20, subType: "AHCI" },
  nvme: { type: 20, subType: "vmware.nvme.controller" },
};

/** Describes a VM as OVF 1.1, in the dialect that VMware and VirtualBox read. Disks without a file are described empty. */
export function writeOvf(spec: CompleteVmSpec, disks: ReadonlyMap<string, ExportedDisk>): string {
  const files = [...disks].map(
    ([name, { file, fileBytes }]) =>
      `<File ovf:href="${x(file)}" ovf:id="file-${x(name)}" ovf:size="${fileBytes}"/>`,
  );
  const described = spec.disks.flatMap(({ name, sizeBytes }) => {
    const disk = disks.get(name);
    const capacity = disk?.virtualSizeBytes ?? sizeBytes;
    if (capacity === undefined) return [];
    const source = disk === undefined ? "" : ` ovf:fileRef="file-${x(name)}"`;
    return [
      `<Disk ovf:capacity="${capacity}" ovf:capacityAllocationUnits="byte" ovf:diskId="disk-${x(name)}"${source} ovf:format="${streamOptimized}"/>`,
    ];
  });
  return `<?xml version="1.0" encoding="UTF-8"?>
<Envelope ovf:version="1.0" xml:lang="en-US" xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData" xmlns:vmw="http://www.vmware.com/schema/ovf" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<References>${files.join("")}</References>
<DiskSection><Info>Virtual disks</Info>${described.join("")}</DiskSection>
<NetworkSection><Info>Networks</Info>${spec.nics.length === 0 ? "" : '<Network ovf:name="default"><Description>The default network</Description></Network>'}</NetworkSection>
<VirtualSystem ovf:id="${x(spec.name)}"><Info>A virtual machine</Info><Name>${x(spec.name)}</Name>
<OperatingSystemSection ovf:id="1"><Info>The kind of guest is not known</Info></OperatingSystemSection>
${spec.description === "" ? "" : `<AnnotationSection><Info>Description</Info><Annotation>${x(spec.description)}</Annotation></AnnotationSection>\n`}<VirtualHardwareSection><Info>Virtual hardware</Info>
<System><vssd:ElementName>Virtual Hardware Family</vssd:ElementName><vssd:InstanceID>0</vssd:InstanceID><vssd:VirtualSystemIdentifier>${x(spec.name)}</vssd:VirtualSystemIdentifier><vssd:VirtualSystemType>vmx-13</vssd:VirtualSystemType></System>
${hardware(spec, disks).join("\n")}
<vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="${spec.firmware === "uefi" ? "efi" : "bios"}"/>
</VirtualHardwareSection></VirtualSystem></Envelope>
`;
}

/** In the order of CIM's schema, which some readers insist on: by name. */
type Item = Partial<
  Record<
    | "AddressOnParent"
    | "AllocationUnits"
    | "AutomaticAllocation"
    | "Connection"
    | "ElementName"
    | "HostResource"
    | "Parent"
    | "ResourceSubType",
    string | number
  >
> & {
  ResourceType: number;
  VirtualQuantity?: number;
};

function hardware(spec: CompleteVmSpec, disks: ReadonlyMap<string, ExportedDisk>): string[] {
  const items: Item[] = [
    {
      AllocationUnits: "hertz * 10^6",
      ElementName: `${spec.cpus} virtual CPUs`,
      ResourceType: 3,
      VirtualQuantity: spec.cpus,
    },
    {
      AllocationUnits: "byte * 2^20",
      ElementName: "Memory",
      ResourceType: 4,
      VirtualQuantity: Math.ceil(spec.memoryBytes / 1024 ** 2),
    },
  ];
  for (const bus of new Set(spec.disks.map((disk) => disk.bus))) {
    const { type, subType } = controllers[bus];
    const parent = items.push({
      ElementName: `Serai ${bus} controller`,
      ResourceSubType: subType,
      ResourceType: type,
    });
    const attached = spec.disks.filter(
      (disk) => disk.bus === bus && (disks.has(disk.name) || disk.sizeBytes !== undefined),
    );
    for (const [index, { name }] of attached.entries()) {
      items.push({
        AddressOnParent: index,
        ElementName: `Disk ${name}`,
        HostResource: `ovf:/disk/disk-${name}`,
        Parent: parent,
        ResourceType: 17,
      });
    }
  }
  for (const { name, model } of spec.nics) {
    const title = model === "virtio" ? `Serai virtio NIC ${name}` : `NIC ${name}`;
    items.push({
      AutomaticAllocation: "true",
      Connection: "default",
      ElementName: title,
      ResourceSubType: "E1000e",
      ResourceType: 10,
    });
  }
  return items.map((item, index) => {
    const fields = Object.entries({ ...item, InstanceID: index + 1 }).toSorted(([a], [b]) =>
      a < b ? -1 : 1,
    );
    return `<Item>${fields.map(([name, value]) => `<rasd:${name}>${x(String(value))}</rasd:${name}>`).join("")}</Item>`;
  });
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

/** Text as XML may hold it: escaped, without the control characters that no XML can have. */
const x = (text: string): string =>
  text
    .replaceAll(/\p{Cc}|[\ufffe\uffff]/gu, (char) => ("\t\n\r".includes(char) ? char : ""))
    .replaceAll(/[&<>"']/g, (char) => entities[char] as string);
