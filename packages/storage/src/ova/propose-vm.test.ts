import assert from "node:assert/strict";
import test from "node:test";
import { isFault } from "@serai/kit/fault";
import { VmSpecSchema } from "@serai/model/vm-spec";
import fc from "fast-check";
import { Value } from "typebox/value";
import { ovf } from "../../tests/ova-files.ts";
import { proposeVm } from "./propose-vm.ts";
import { readOvf } from "./read-ovf.ts";

const image = "img-000000000001";
const propose = (description: Parameters<typeof ovf>[0]) =>
  proposeVm(readOvf(Buffer.from(ovf(description).content)), image);

test("CPU, memory, disks, controllers and NICs become a VM that the API would take", () => {
  const { spec, files } = propose({});

  assert.deepEqual(spec, {
    name: "my-old-vm",
    cpus: 2,
    memoryBytes: 512 * 1024 ** 2,
    firmware: "bios",
    disks: [{ name: "root", bus: "sata", image, imageDisk: 0 }],
    nics: [{ name: "nic0", model: "e1000e" }],
  });
  assert.deepEqual(files, ["disk1.vmdk"]);
  assert.ok(Value.Check(VmSpecSchema, spec));
});

test("disks come in the order of their controllers and places, an empty one with its size", () => {
  const { spec, files } = propose({
    files: '<File ovf:href="data.vmdk" ovf:id="file2"/>',
    disks:
      '<Disk ovf:capacity="8388608" ovf:diskId="d2" ovf:fileRef="file2"/><Disk ovf:capacity="2" ovf:capacityAllocationUnits="GigaBytes" ovf:diskId="d3"/>',
    items: `<Item><rasd:ElementName>SATA</rasd:ElementName><rasd:InstanceID>9</rasd:InstanceID><rasd:ResourceType>20</rasd:ResourceType></Item>
      <Item><rasd:AddressOnParent>1</rasd:AddressOnParent><rasd:HostResource>/disk/d2</rasd:HostResource><rasd:InstanceID>11</rasd:InstanceID><rasd:Parent>9</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>
      <Item><rasd:AddressOnParent>0</rasd:AddressOnParent><rasd:HostResource>/disk/d3</rasd:HostResource><rasd:InstanceID>10</rasd:InstanceID><rasd:Parent>9</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>`,
  });

  assert.deepEqual(spec.disks, [
    { name: "root", bus: "sata", image, imageDisk: 0 },
    { name: "disk1", bus: "sata", sizeBytes: 2 * 1024 ** 3 },
    { name: "disk2", bus: "sata", image, imageDisk: 1 },
  ]);
  assert.deepEqual(files, ["disk1.vmdk", "data.vmdk"]);
});

test("UEFI is seen in VMware's and in VirtualBox's way", () => {
  const ways = [
    propose({ hardware: '<vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="efi"/>' }),
    propose({
      hardware:
        "</VirtualHardwareSection><Machine><Hardware><Firmware type='EFI'/></Hardware></Machine><VirtualHardwareSection>",
    }),
  ];

  assert.deepEqual(
    ways.map(({ spec }) => spec.firmware),
    ["uefi", "uefi"],
  );
});

const reported: readonly [string, Parameters<typeof ovf>[0], RegExp][] = [
  [
    "an unknown section",
    { sections: "<BootOrderSection><Info>x</Info></BootOrderSection>" },
    /BootOrderSection/,
  ],
  ["an unknown section of the hardware", { hardware: "<Tpm/>" }, /Tpm/],
  [
    "a setting of another product",
    { hardware: '<vmw:ExtraConfig vmw:key="tools.setting" vmw:value="1"/>' },
    /tools\.setting/,
  ],
  [
    "a CD drive",
    {
      items:
        "<Item><rasd:ElementName>CD 1</rasd:ElementName><rasd:InstanceID>8</rasd:InstanceID><rasd:ResourceType>15</rasd:ResourceType></Item>",
    },
    /CD 1 was left out/,
  ],
  [
    "a sound card",
    {
      items:
        "<Item><rasd:ElementName>Sound</rasd:ElementName><rasd:ResourceType>35</rasd:ResourceType></Item>",
    },
    /Sound was left out/,
  ],
  ["the network of a NIC", {}, /VM Network/],
  ["a controller without an equal", {}, /lsilogic has no equal/],
  [
    "a NIC without an equal",
    {
      items:
        "<Item><rasd:ResourceSubType>VmxNet3</rasd:ResourceSubType><rasd:ResourceType>10</rasd:ResourceType></Item>",
    },
    /VmxNet3/,
  ],
];
for (const [what, description, words] of reported) {
  test(`${what} is reported, not silently dropped`, () => {
    const { warnings } = propose(description);

    assert.ok(
      warnings.some((warning) => words.test(warning)),
      warnings.join("\n"),
    );
  });
}

const refusals: readonly [string, string][] = [
  [
    "entities of its own",
    `<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Envelope><VirtualSystem/></Envelope>`,
  ],
  ["an external entity", `<!DOCTYPE x SYSTEM "file:///etc/passwd"><Envelope/>`],
  ["several VMs", "<Envelope><VirtualSystemCollection/></Envelope>"],
  ["something else", "<html/>"],
  ["broken XML", "<Envelope><VirtualSystem></Envelope>"],
  ["a deep nest", "<a>".repeat(5000) + "</a>".repeat(5000)],
  ["no VM", "<Envelope/>"],
  [
    "a disk that is a difference",
    String(ovf({ disks: '<Disk ovf:capacity="1" ovf:diskId="d2" ovf:parentRef="vmdisk1"/>' }).content),
  ],
  [
    "a disk that is gzipped",
    String(ovf({ files: '<File ovf:href="x.gz" ovf:id="f2" ovf:compression="gzip"/>' }).content),
  ],
];
for (const [what, text] of refusals) {
  test(`a description with ${what} is refused`, () => {
    assert.throws(
      () => readOvf(Buffer.from(text)),
      (error) => isFault(error, "image.unreadable"),
    );
  });
}

test("whatever stands in a description, the proposal is one that the API takes, or it is refused", () => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom(
      "<Item>",
      "</Item>",
      "&amp;",
      "&#x0;",
      "-1",
      "9".repeat(30),
      "__proto__",
      "<![CDATA[x]]>",
    ),
  );

  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), fc.nat({ max: 3000 }), (pieces, at) => {
      const text = String(ovf().content);
      const changed = text.slice(0, at) + pieces.join("") + text.slice(at);
      try {
        assert.ok(Value.Check(VmSpecSchema, proposeVm(readOvf(Buffer.from(changed)), image).spec));
      } catch (error) {
        assert.ok(isFault(error), String(error));
      }
    }),
    { numRuns: 300 },
  );
});
