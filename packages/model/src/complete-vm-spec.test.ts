import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault, isFault } from "@serai/kit/fault";
import { checkVmSpec, imagesOf, type SpecWorld } from "./check-vm-spec.ts";
import { applyVmChange, completeVmSpec, type SpecContext } from "./complete-vm-spec.ts";
import type { ImageRecord } from "./image.ts";
import { anImage } from "./testing/a-vm.ts";
import { MiB, type VmSpec } from "./vm-spec.ts";

const guest = {
  family: "linux",
  title: "Tiny",
  firmware: ["bios" as const],
  hasAgent: true,
  minMemoryBytes: 128 * MiB,
};
const images: ImageRecord[] = [
  anImage({ id: "img-00000000disk", name: "disk", virtualSizeBytes: 1000 * MiB }),
  anImage({ id: "img-00000000kern", name: "kern", kind: "kernel", guest: { ...guest, cmdline: "quiet" } }),
  anImage({ id: "img-000000000iso", name: "iso", kind: "iso" }),
  anImage({
    id: "img-00000000uefi",
    name: "uefi",
    guest: { ...guest, firmware: ["uefi"], minMemoryBytes: 1024 * MiB },
  }),
];

const find = (reference: string) => images.find(({ id, name }) => id === reference || name === reference);
const context: SpecContext = {
  image: (reference) => {
    const image = find(reference);
    if (image === undefined) throw new Fault("image.not_found", reference);
    return image;
  },
  network: (reference) => {
    throw new Fault("network.not_found", reference);
  },
  newMac: () => "52:00:00:00:00:01",
};
const world: SpecWorld = {
  image: find,
  portOwner: (protocol, port) => (protocol === "tcp" && port === 2222 ? "mail" : undefined),
  hasGroup: () => false,
};
const complete = (spec: Partial<VmSpec>) => completeVmSpec({ name: "web", ...spec }, context);

test("a name is enough", () => {
  assert.deepEqual(complete({}), {
    name: "web",
    description: "",
    labels: {},
    cpus: 1,
    memoryBytes: 512 * MiB,
    firmware: "bios",
    disks: [],
    nics: [{ name: "nic0", model: "virtio", mac: "52:00:00:00:00:01", network: "user", forwards: [] }],
    display: "vga",
    hasAgent: true,
    hasRng: true,
    hasBalloon: true,
    hasWatchdog: false,
    policy: { onShutdown: "stop", onPanic: "restart", onHang: "restart", onCrash: "restart" },
  });
});

test("no NICs means none", () => {
  assert.deepEqual(complete({ nics: [] }).nics, []);
});

test("images bring their size, bus, memory, firmware and command line", () => {
  const [root, cd] = complete({
    disks: [
      { name: "root", image: "disk" },
      { name: "cd", image: "iso" },
    ],
  }).disks;
  assert.deepEqual(root, {
    name: "root",
    bus: "virtio-blk",
    image: "img-00000000disk",
    sizeBytes: 1000 * MiB,
    isReadOnly: false,
  });
  assert.deepEqual([cd?.bus, cd?.isReadOnly], ["sata", true]);
  assert.deepEqual(complete({ kernel: { image: "kern" } }).kernel, {
    image: "img-00000000kern",
    cmdline: "quiet",
  });
  const uefi = complete({ disks: [{ name: "root", image: "uefi" }] });
  assert.deepEqual([uefi.firmware, uefi.memoryBytes], ["uefi", 1024 * MiB]);
});

const forward = (hostPort: number) => ({ protocol: "tcp", hostPort, guestPort: 22 }) as const;
const broken: [title: string, spec: Partial<VmSpec>, words: RegExp][] = [
  [
    "two disks of one name",
    {
      disks: [
        { name: "a", sizeBytes: MiB },
        { name: "a", sizeBytes: MiB },
      ],
    },
    /called a/,
  ],
  ["two NICs of one name", { nics: [{ name: "a" }, { name: "a" }] }, /called a/],
  ["two NICs of one MAC", { nics: [{ name: "a" }, { name: "b" }] }, /52:00:00:00:00:01/],
  ["a host port twice", { nics: [{ name: "a", forwards: [forward(4000), forward(4000)] }] }, /tcp\/4000/],
  ["another VM's host port", { nics: [{ name: "a", forwards: [forward(2222)] }] }, /mail/],
  ["a disk of nothing", { disks: [{ name: "a" }] }, /image or sizeBytes/],
  [
    "a disk smaller than its image",
    { disks: [{ name: "a", image: "disk", sizeBytes: MiB }] },
    /at least 1048576000/,
  ],
  ["a disk image as kernel", { kernel: { image: "disk" } }, /as the image of a disk/],
  ["a kernel image as disk", { disks: [{ name: "a", image: "kern" }] }, /as kernel\.image/],
  ["too little memory", { kernel: { image: "kern" }, memoryBytes: 64 * MiB }, /at least 134217728/],
  ["firmware the guest cannot boot with", { kernel: { image: "kern" }, firmware: "uefi" }, /choose bios/],
];

for (const [title, spec, words] of broken) {
  test(`${title} is refused with what to do`, () => {
    assert.throws(
      () => checkVmSpec(complete(spec), world),
      (error) =>
        isFault(error, "vm.spec_invalid") &&
        words.test(error.message) &&
        error.details?.["field"] !== undefined,
    );
  });
}

test("a good spec passes, and names the images it needs", () => {
  const spec = complete({ kernel: { image: "kern" }, disks: [{ name: "a", image: "disk" }] });

  checkVmSpec(spec, world);

  assert.deepEqual(imagesOf(spec), ["img-00000000kern", "img-00000000disk"]);
});

test("a change keeps what it does not name, MAC addresses and disk sizes included", () => {
  const before = complete({
    disks: [{ name: "a", image: "disk", sizeBytes: 2000 * MiB }],
    nics: [{ name: "n", mac: "52:00:00:00:00:07" }],
  });

  const after = applyVmChange(
    before,
    {
      nics: [{ name: "n" }, { name: "m" }],
      disks: [{ name: "a", image: "disk" }],
      policy: { onCrash: "stop" },
    },
    context,
  );

  assert.deepEqual(
    after.nics.map((nic) => nic.mac),
    ["52:00:00:00:00:07", "52:00:00:00:00:01"],
  );
  assert.equal(after.disks[0]?.sizeBytes, 2000 * MiB);
  assert.deepEqual(after.policy, { ...before.policy, onCrash: "stop" });
  assert.deepEqual(applyVmChange(before, { cpus: 2 }, context), { ...before, cpus: 2 });
});

test("a disk neither shrinks nor gets another image", () => {
  const before = complete({ disks: [{ name: "a", image: "disk", sizeBytes: 2000 * MiB }] });

  for (const disk of [
    { name: "a", image: "disk", sizeBytes: 1000 * MiB },
    { name: "a", sizeBytes: 2000 * MiB },
  ]) {
    assert.throws(
      () => applyVmChange(before, { disks: [disk] }, context),
      (error) => isFault(error, "vm.spec_invalid"),
    );
  }
});
