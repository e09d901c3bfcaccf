import type { FaultJson } from "@serai/kit/fault";
import type { Static } from "typebox";
import { Address4Schema, Address6Schema, BandwidthSchema } from "./nic-values.ts";
import { Type } from "./schema.ts";
import { DeviceNameSchema, NameSchema } from "./vm-spec.ts";

export type { Bandwidth } from "./nic-values.ts";

const description = (text: string) => ({ description: text });

export const NetworkKindSchema = Type.Union([
  Type.Literal(
    "nat",
    description("guests reach the world through the host, nobody reaches them but by port forwards"),
  ),
  Type.Literal("isolated", description("guests reach each other and nothing else")),
  Type.Literal("bridged", description("guests are on the same segment as one of the host's interfaces")),
  Type.Literal("user", description("user-mode NAT in each VM's own QEMU, no root needed")),
]);
export type NetworkKind = Static<typeof NetworkKindSchema>;

export const MacSchema = Type.String({
  pattern: "^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$",
  description: "a unicast MAC address",
});

export const Ipv4Schema = Type.Object(
  {
    subnet: Type.String({ pattern: "^[0-9.]{7,15}/[0-9]{1,2}$", description: "such as 10.10.0.0/24" }),
    gateway: Type.Optional(Address4Schema),
    rangeFirst: Type.Optional(Address4Schema),
    rangeLast: Type.Optional(Address4Schema),
  },
  { additionalProperties: false, description: "addresses outside the range are for static leases only" },
);

export const Ipv6Schema = Type.Object(
  { prefix: Type.String({ pattern: "^[0-9a-f:]{2,39}/64$", description: "such as fd12:3456:789a::/64" }) },
  {
    additionalProperties: false,
    description: "guests take addresses by SLAAC or DHCPv6; the gateway is the first one",
  },
);

/** An address kept for one NIC, whether its VM runs or not. */
export const StaticLeaseSchema = Type.Object(
  { mac: MacSchema, address4: Type.Optional(Address4Schema), address6: Type.Optional(Address6Schema) },
  { additionalProperties: false },
);

/** A port of the host that leads to a guest of this network. */
export const NetworkForwardSchema = Type.Object(
  {
    protocol: Type.Union([Type.Literal("tcp"), Type.Literal("udp")]),
    hostAddress: Type.Optional(
      Type.Intersect([Address4Schema], description("default: 127.0.0.1; 0.0.0.0 for all")),
    ),
    hostPort: Type.Integer({ minimum: 1, maximum: 65535 }),
    address: Type.Intersect([Address4Schema], description("the guest's")),
    port: Type.Integer({ minimum: 1, maximum: 65535 }),
  },
  { additionalProperties: false },
);

export const NetworkSpecSchema = Type.Object(
  {
    name: NameSchema,
    description: Type.Optional(Type.String({ maxLength: 1024 })),
    kind: Type.Optional(NetworkKindSchema),
    ipv4: Type.Optional(Ipv4Schema),
    ipv6: Type.Optional(Ipv6Schema),
    mtu: Type.Optional(Type.Integer({ minimum: 1280, maximum: 9000 })),
    domain: Type.Optional(
      Type.String({
        pattern: "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?){0,7}$",
        maxLength: 200,
        description: "guests find each other as VM.DOMAIN",
      }),
    ),
    hostNic: Type.Optional(
      Type.String({
        pattern: "^[a-zA-Z0-9][a-zA-Z0-9._-]{0,14}$",
        description: "bridged: the host's interface or bridge",
      }),
    ),
    vlan: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 4094, description: "bridged: the tag on the host's interface" }),
    ),
    overlay: Type.Optional(
      Type.Object(
        { vni: Type.Integer({ minimum: 1, maximum: 16777215 }) },
        { additionalProperties: false, description: "one segment over several hosts, by VXLAN" },
      ),
    ),
    leases: Type.Optional(Type.Array(StaticLeaseSchema, { maxItems: 4096 })),
    forwards: Type.Optional(Type.Array(NetworkForwardSchema, { maxItems: 1024 })),
  },
  { additionalProperties: false },
);
export type NetworkSpec = Static<typeof NetworkSpecSchema>;

const { name: _name, kind: _kind, ...changeable } = NetworkSpecSchema.properties;

/** What may change later; lists are replaced as a whole. Name and kind stay: VMs and guests know the network by them. */
export const NetworkChangeSchema = Type.Partial(Type.Object(changeable), {
  additionalProperties: false,
  minProperties: 1,
});
export type NetworkChange = Static<typeof NetworkChangeSchema>;

export type NetworkForward = Required<Static<typeof NetworkForwardSchema>>;
export type StaticLease = Static<typeof StaticLeaseSchema>;

/** A spec with every default filled in: what hosts act on. */
export type CompleteNetworkSpec = {
  name: string;
  description: string;
  kind: NetworkKind;
  ipv4?: { subnet: string; gateway: string; rangeFirst: string; rangeLast: string };
  ipv6?: { prefix: string; gateway: string };
  mtu: number;
  domain: string;
  hostNic?: string;
  vlan?: number;
  overlay?: { vni: number };
  leases: StaticLease[];
  forwards: NetworkForward[];
};

/** The intent: one per network, written only by control. Key: {@link networkKey}. */
export type NetworkRecord = {
  id: string;
  project: string;
  spec: CompleteNetworkSpec;
  isDeleting: boolean;
  /** Serai made it: it exists on the host only while a VM uses it. */
  isBuiltin?: true;
  /** Rises with every change of this record. */
  generation: number;
  createdAt: string;
  updatedAt: string;
};

/** What became of the intent on the host. Key: {@link networkStatusKey}. */
export type NetworkStatus = {
  network: string;
  /** The generation that was made, or that could not be. */
  generation: number;
  fault?: FaultJson;
  updatedAt: string;
};

/** A network as clients see it. `vms`: the names of those that have a NIC on it. */
export function networkView(
  record: NetworkRecord,
  status: NetworkStatus | undefined,
  vms: readonly string[],
) {
  const isCurrent = status?.generation === record.generation;
  const made = status?.fault === undefined ? "ready" : "failed";
  return {
    id: record.id,
    ...record.spec,
    project: record.project,
    state: record.isDeleting ? "deleting" : isCurrent ? made : "pending",
    fault: isCurrent ? status.fault : undefined,
    vms: vms.toSorted(),
    generation: record.generation,
    createdAt: record.createdAt,
    updatedAt: record.updatedAt,
  };
}

/** One NIC of one VM on one network: all that the network needs to know of it. */
export const NicAttachmentSchema = Type.Object(
  {
    vm: Type.String({ pattern: "^[a-z0-9][a-z0-9-]{0,62}$" }),
    nic: DeviceNameSchema,
    /** The guest's name in DNS: the VM's name; only its first NIC on a network has one. */
    hostName: Type.Optional(NameSchema),
    mac: MacSchema,
    network: Type.String({ pattern: "^net-[a-z0-9]{12}$" }),
    address4: Type.Optional(Address4Schema),
    address6: Type.Optional(Address6Schema),
    groups: Type.Array(NameSchema, { maxItems: 32 }),
    bandwidth: Type.Optional(BandwidthSchema),
  },
  { additionalProperties: false },
);
export type NicAttachment = Static<typeof NicAttachmentSchema>;

/** What a NIC's `network` is when QEMU or passt is its network; no network can have this name. */
export const userNetwork = "user";

export const networkStatusKey = (id: string): string => `/network-status/${id}`;
/** Exists while the address is a NIC's, so that no transaction gives it away twice. */
export const networkAddressKey = (network: string, address: string): string =>
  `/network-addresses/${network}/${address}`;
export const networkKey = (id: string): string => `/networks/${id}`;
export const networkNameKey = (project: string, name: string): string => `/network-names/${project}/${name}`;
