import type { Static } from "typebox";
import { Address4Schema, Address6Schema, BandwidthSchema, type Bandwidth } from "./nic-values.ts";
import { Type } from "./schema.ts";

export const MiB = 1024 * 1024;
export const GiB = 1024 * MiB;

/** A DNS label, because a VM's name becomes its guest's host name. */
export const NameSchema = Type.String({
  pattern: "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
  description: "1 to 63 of a-z, 0-9 and -, starting and ending with a letter or digit",
});

/** Names of images may carry a version: debian-12, ubuntu-24.04. */
export const ImageNameSchema = Type.String({
  pattern: "^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$",
  description: "1 to 63 of a-z, 0-9, dot, underscore and -, starting and ending with a letter or digit",
});

/** An id, a name, or the first characters of an id. */
export const ReferenceSchema = Type.String({
  minLength: 1,
  maxLength: 80,
  pattern: "^[a-z0-9][a-z0-9._-]*$",
  description: "an id, a name, or the first characters of an id",
});

export const DeviceNameSchema = Type.String({
  pattern: "^[a-z][a-z0-9]{0,14}$",
  description: "1 to 15 of a-z and 0-9, starting with a letter",
});

export const DiskBusSchema = Type.Union([
  Type.Literal("virtio-blk"),
  Type.Literal("virtio-scsi"),
  Type.Literal("sata"),
  Type.Literal("nvme"),
]);

export const DiskSchema = Type.Object(
  {
    name: DeviceNameSchema,
    bus: Type.Optional(DiskBusSchema),
    image: Type.Optional(
      Type.Intersect([ReferenceSchema], { description: "start as a copy-on-write copy of this image" }),
    ),
    imageDisk: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 15,
        description: "which disk of an image that is an appliance; default 0",
      }),
    ),
    sizeBytes: Type.Optional(
      Type.Integer({
        minimum: MiB,
        maximum: 64 * 1024 * GiB,
        multipleOf: 512,
        description: "default: the image's size",
      }),
    ),
    isReadOnly: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);

export const PortForwardSchema = Type.Object(
  {
    protocol: Type.Union([Type.Literal("tcp"), Type.Literal("udp")]),
    hostPort: Type.Integer({ minimum: 1024, maximum: 65535, description: "on the host's loopback" }),
    guestPort: Type.Integer({ minimum: 1, maximum: 65535 }),
  },
  { additionalProperties: false },
);

export const NicSchema = Type.Object(
  {
    name: DeviceNameSchema,
    model: Type.Optional(Type.Union([Type.Literal("virtio"), Type.Literal("e1000e")])),
    mac: Type.Optional(
      Type.String({
        pattern: "^[0-9a-f][26ae](:[0-9a-f]{2}){5}$",
        description: "locally administered, unicast",
      }),
    ),
    network: Type.Optional(
      Type.Intersect([ReferenceSchema], {
        description: "a network, or `user` (the default): user-mode NAT of the VM's own, no root needed",
      }),
    ),
    groups: Type.Optional(
      Type.Array(NameSchema, { maxItems: 32, description: "security groups; not for the network `user`" }),
    ),
    address4: Type.Optional(
      Type.Intersect([Address4Schema], { description: "default: one of the network's that is free" }),
    ),
    address6: Type.Optional(
      Type.Intersect([Address6Schema], { description: "default: made from the MAC address" }),
    ),
    bandwidth: Type.Optional(BandwidthSchema),
    forwards: Type.Optional(Type.Array(PortForwardSchema, { maxItems: 32 })),
  },
  { additionalProperties: false },
);

/** What to do when the guest or its QEMU ends unasked. */
export const ExitPolicySchema = Type.Union([
  Type.Literal("restart", { description: "start again, with back-off" }),
  Type.Literal("stop", { description: "leave it stopped" }),
  Type.Literal("preserve", { description: "keep what is left of it for inspection" }),
]);

export const VmPolicySchema = Type.Object(
  {
    onShutdown: Type.Optional(Type.Union([Type.Literal("restart"), Type.Literal("stop")])),
    onPanic: Type.Optional(ExitPolicySchema),
    onHang: Type.Optional(ExitPolicySchema),
    onCrash: Type.Optional(Type.Union([Type.Literal("restart"), Type.Literal("stop")])),
  },
  { additionalProperties: false },
);

/** What an owner asks for. Everything optional has a default in {@link completeVmSpec}. */
export const VmSpecSchema = Type.Object(
  {
    name: NameSchema,
    description: Type.Optional(Type.String({ maxLength: 1024 })),
    labels: Type.Optional(
      Type.Record(Type.String({ pattern: "^[a-z0-9][a-z0-9./_-]{0,62}$" }), Type.String({ maxLength: 255 }), {
        maxProperties: 64,
      }),
    ),
    cpus: Type.Optional(Type.Integer({ minimum: 1, maximum: 64 })),
    memoryBytes: Type.Optional(Type.Integer({ minimum: 16 * MiB, maximum: 1024 * GiB, multipleOf: MiB })),
    firmware: Type.Optional(Type.Union([Type.Literal("bios"), Type.Literal("uefi")])),
    kernel: Type.Optional(
      Type.Object(
        {
          image: ReferenceSchema,
          cmdline: Type.Optional(Type.String({ maxLength: 2048, pattern: "^[\\x20-\\x7e]*$" })),
        },
        {
          additionalProperties: false,
          description: "boot this kernel image directly instead of from a disk",
        },
      ),
    ),
    disks: Type.Optional(Type.Array(DiskSchema, { maxItems: 16 })),
    nics: Type.Optional(Type.Array(NicSchema, { maxItems: 8 })),
    display: Type.Optional(Type.Union([Type.Literal("vga"), Type.Literal("none")])),
    hasAgent: Type.Optional(Type.Boolean({ description: "the guest agent's channel" })),
    hasRng: Type.Optional(Type.Boolean()),
    hasBalloon: Type.Optional(Type.Boolean()),
    hasWatchdog: Type.Optional(Type.Boolean()),
    policy: Type.Optional(VmPolicySchema),
  },
  { additionalProperties: false },
);
export type VmSpec = Static<typeof VmSpecSchema>;

/** What may change later. `null` is not used: give the new value. Device changes take effect at the next start. */
export const VmChangeSchema = Type.Partial(VmSpecSchema, { additionalProperties: false, minProperties: 1 });
export type VmChange = Static<typeof VmChangeSchema>;

export type DiskBus = Static<typeof DiskBusSchema>;
export type PortForward = Static<typeof PortForwardSchema>;
export type ExitPolicy = Static<typeof ExitPolicySchema>;

/** A spec with every default filled in: what hosts act on, and what the API shows. */
export type CompleteDisk = {
  name: string;
  bus: DiskBus;
  image?: string;
  imageDisk?: number;
  sizeBytes?: number;
  isReadOnly: boolean;
};
export type CompleteNic = {
  name: string;
  model: "virtio" | "e1000e";
  mac: string;
  /** `user`, or the id of a network. */
  network: string;
  forwards: PortForward[];
  groups?: string[];
  /** Reserved on its network from the VM's creation on. */
  address4?: string;
  address6?: string;
  bandwidth?: Bandwidth;
};
export type CompleteVmSpec = {
  name: string;
  description: string;
  labels: Record<string, string>;
  cpus: number;
  memoryBytes: number;
  firmware: "bios" | "uefi";
  kernel?: { image: string; cmdline?: string };
  disks: CompleteDisk[];
  nics: CompleteNic[];
  display: "vga" | "none";
  hasAgent: boolean;
  hasRng: boolean;
  hasBalloon: boolean;
  hasWatchdog: boolean;
  policy: Required<Static<typeof VmPolicySchema>>;
};
