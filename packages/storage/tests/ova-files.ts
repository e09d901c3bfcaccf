import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { pack } from "tar-stream";

export type Entry = {
  name: string;
  content: Buffer | string;
  type?: "file" | "symlink" | "link" | "directory" | "fifo";
  linkname?: string;
};

/** Writes a tar of these entries, in order, whatever they say. */
export async function tar(path: string, entries: readonly Entry[]): Promise<string> {
  const out = pack();
  const written = pipeline(out as unknown as NodeJS.ReadableStream, createWriteStream(path));
  for (const { content, ...header } of entries) {
    if (header.type !== undefined && header.type !== "file") out.entry({ ...header, size: 0 });
    else out.entry(header, Buffer.from(content));
  }
  out.finalize();
  await written;
  return path;
}

export const manifest = (files: readonly Entry[], algorithm = "SHA256"): Entry => ({
  name: "vm.mf",
  content: files
    .map(
      ({ name, content }) =>
        `${algorithm}(${name})= ${createHash(algorithm).update(content).digest("hex")}\n`,
    )
    .join(""),
});

type Description = {
  disks?: string;
  files?: string;
  items?: string;
  sections?: string;
  hardware?: string;
  name?: string;
};

/** An OVF as VMware writes it: 2 CPUs, 512 MiB, a SCSI disk of 24 MiB and a NIC, with room for more. */
export const ovf = ({
  disks = "",
  files = "",
  items = "",
  sections = "",
  hardware = "",
  name = "My Old VM",
}: Description = {}): Entry => ({
  name: "vm.ovf",
  content: `<?xml version="1.0" encoding="UTF-8"?>
<Envelope ovf:version="1.0" xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
  xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vmw="http://www.vmware.com/schema/ovf">
<References><File ovf:href="disk1.vmdk" ovf:id="file1"/>${files}</References>
<DiskSection><Info>Disks</Info><Disk ovf:capacity="24" ovf:capacityAllocationUnits="byte * 2^20" ovf:diskId="vmdisk1" ovf:fileRef="file1"/>${disks}</DiskSection>
<NetworkSection><Info>Nets</Info><Network ovf:name="VM Network"/></NetworkSection>${sections}
<VirtualSystem ovf:id="vm"><Info>A VM</Info><Name>${name}</Name>
<OperatingSystemSection ovf:id="96"><Info>os</Info></OperatingSystemSection>
<VirtualHardwareSection><Info>HW</Info>
<Item><rasd:ElementName>2 vCPU</rasd:ElementName><rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>3</rasd:ResourceType><rasd:VirtualQuantity>2</rasd:VirtualQuantity></Item>
<Item><rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits><rasd:ElementName>512MB</rasd:ElementName><rasd:InstanceID>2</rasd:InstanceID><rasd:ResourceType>4</rasd:ResourceType><rasd:VirtualQuantity>512</rasd:VirtualQuantity></Item>
<Item><rasd:ElementName>SCSI Controller 0</rasd:ElementName><rasd:InstanceID>3</rasd:InstanceID><rasd:ResourceSubType>lsilogic</rasd:ResourceSubType><rasd:ResourceType>6</rasd:ResourceType></Item>
<Item><rasd:AddressOnParent>0</rasd:AddressOnParent><rasd:ElementName>Disk 1</rasd:ElementName><rasd:HostResource>ovf:/disk/vmdisk1</rasd:HostResource><rasd:InstanceID>4</rasd:InstanceID><rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>
<Item><rasd:Connection>VM Network</rasd:Connection><rasd:ElementName>Ethernet 1</rasd:ElementName><rasd:InstanceID>5</rasd:InstanceID><rasd:ResourceSubType>E1000</rasd:ResourceSubType><rasd:ResourceType>10</rasd:ResourceType></Item>
${items}${hardware}</VirtualHardwareSection></VirtualSystem></Envelope>`,
});
