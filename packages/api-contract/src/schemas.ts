import type { FaultCode } from "@serai/kit/fault";
import { NetworkForwardSchema, NetworkKindSchema, StaticLeaseSchema } from "@serai/model/network";
import { BandwidthSchema } from "@serai/model/nic-values";
import { SecurityRuleSchema } from "@serai/model/security-group";
import { DiskBusSchema, ExitPolicySchema, PortForwardSchema, VmSpecSchema } from "@serai/model/vm-spec";
import { Type } from "@serai/model/schema";
import type { Static, TSchema } from "typebox";

const text = Type.String();
const moment = Type.String({ format: "date-time" });
const count = Type.Integer({ minimum: 0 });
const open = { additionalProperties: true };

export const FaultSchema = Type.Object(
  {
    code: Type.Unsafe<FaultCode>(Type.String()),
    message: text,
    details: Type.Optional(Type.Record(text, Type.Unknown())),
  },
  { $id: "Fault" },
);

/** RFC 9457, with the fault's code. */
export const ProblemSchema = Type.Object(
  {
    type: text,
    title: text,
    status: Type.Integer(),
    detail: text,
    code: text,
    requestId: text,
    details: Type.Optional(Type.Record(text, Type.Unknown())),
  },
  { $id: "Problem" },
);
export type Problem = Static<typeof ProblemSchema>;

const TargetSchema = Type.Object({
  kind: Type.Union(
    (["vm", "image", "host", "token", "network", "security_group"] as const).map((kind) =>
      Type.Literal(kind),
    ),
  ),
  id: text,
  name: Type.Optional(text),
});

export const OperationSchema = Type.Object(
  {
    id: text,
    verb: text,
    target: TargetSchema,
    generation: count,
    phase: Type.Union(
      (["pending", "running", "succeeded", "failed", "cancelled"] as const).map((phase) =>
        Type.Literal(phase),
      ),
    ),
    progress: Type.Optional(Type.Number()),
    note: Type.Optional(text),
    fault: Type.Optional(FaultSchema),
    actor: text,
    createdAt: moment,
    endedAt: Type.Optional(moment),
  },
  { $id: "Operation" },
);

export const EventSchema = Type.Object(
  {
    id: text,
    at: moment,
    type: text,
    severity: Type.Union([Type.Literal("info"), Type.Literal("warning"), Type.Literal("error")]),
    target: TargetSchema,
    actor: Type.Optional(text),
    message: text,
    data: Type.Optional(Type.Record(text, Type.Unknown())),
  },
  { $id: "Event" },
);

const DiskView = Type.Object({
  name: text,
  bus: DiskBusSchema,
  image: Type.Optional(text),
  sizeBytes: Type.Optional(count),
  isReadOnly: Type.Boolean(),
});
const NicView = Type.Object({
  name: text,
  model: text,
  mac: text,
  network: text,
  forwards: Type.Array(PortForwardSchema),
  groups: Type.Optional(Type.Array(text)),
  address4: Type.Optional(text),
  address6: Type.Optional(text),
  bandwidth: Type.Optional(BandwidthSchema),
});

/** A VM as clients see it: intent and sighting side by side. */
export const VmViewSchema = Type.Object(
  {
    id: text,
    name: text,
    project: text,
    description: text,
    labels: Type.Record(text, text),
    cpus: count,
    memoryBytes: count,
    firmware: text,
    machineType: text,
    kernel: Type.Optional(Type.Object({ image: text, cmdline: Type.Optional(text) })),
    disks: Type.Array(DiskView),
    nics: Type.Array(NicView),
    display: text,
    hasAgent: Type.Boolean(),
    hasRng: Type.Boolean(),
    hasBalloon: Type.Boolean(),
    hasWatchdog: Type.Boolean(),
    policy: Type.Object({
      onShutdown: text,
      onPanic: ExitPolicySchema,
      onHang: ExitPolicySchema,
      onCrash: text,
    }),
    /** What the owner wants. */
    power: text,
    /** What the host sees. */
    state: text,
    agent: text,
    addresses: Type.Array(text),
    hasDisplay: Type.Boolean(),
    accelerator: Type.Optional(text),
    pid: Type.Optional(count),
    startedAt: Type.Optional(moment),
    trouble: Type.Optional(Type.Object({ kind: text, at: moment })),
    exit: Type.Optional(Type.Object({ cause: text, at: moment, generation: count, detail: text })),
    fault: Type.Optional(FaultSchema),
    restarts: count,
    restartAt: Type.Optional(moment),
    isDeleting: Type.Boolean(),
    host: text,
    generation: count,
    createdAt: moment,
    updatedAt: moment,
  },
  { $id: "Vm" },
);
export type VmView = Static<typeof VmViewSchema>;

export const ImageViewSchema = Type.Object(
  {
    id: text,
    name: text,
    kind: text,
    source: Type.Object({ kind: text, name: Type.Optional(text), url: Type.Optional(text) }, open),
    phase: text,
    progress: Type.Optional(Type.Number()),
    receivedBytes: Type.Optional(count),
    fault: Type.Optional(FaultSchema),
    format: Type.Optional(text),
    virtualSizeBytes: Type.Optional(count),
    sizeBytes: Type.Optional(count),
    sha256: Type.Optional(text),
    appliance: Type.Optional(
      Type.Object({
        spec: VmSpecSchema,
        disks: Type.Array(Type.Object({ name: text, virtualSizeBytes: count })),
        warnings: Type.Array(text),
      }),
    ),
    guest: Type.Optional(
      Type.Object({
        family: text,
        title: text,
        firmware: Type.Array(text),
        hasAgent: Type.Boolean(),
        minMemoryBytes: count,
        cmdline: Type.Optional(text),
      }),
    ),
    generation: count,
    createdAt: moment,
    updatedAt: moment,
  },
  { $id: "Image" },
);
export type ImageView = Static<typeof ImageViewSchema>;

export const NetworkViewSchema = Type.Object(
  {
    id: text,
    name: text,
    project: text,
    description: text,
    kind: NetworkKindSchema,
    ipv4: Type.Optional(Type.Object({ subnet: text, gateway: text, rangeFirst: text, rangeLast: text })),
    ipv6: Type.Optional(Type.Object({ prefix: text, gateway: text })),
    mtu: count,
    domain: text,
    hostNic: Type.Optional(text),
    vlan: Type.Optional(count),
    overlay: Type.Optional(Type.Object({ vni: count })),
    leases: Type.Array(StaticLeaseSchema),
    forwards: Type.Array(NetworkForwardSchema),
    state: Type.Union([
      Type.Literal("pending"),
      Type.Literal("ready"),
      Type.Literal("failed"),
      Type.Literal("deleting"),
    ]),
    fault: Type.Optional(FaultSchema),
    /** The names of the VMs on it. */
    vms: Type.Array(text),
    generation: count,
    createdAt: moment,
    updatedAt: moment,
  },
  { $id: "Network" },
);
export type NetworkView = Static<typeof NetworkViewSchema>;

export const SecurityGroupViewSchema = Type.Object(
  {
    id: text,
    name: text,
    project: text,
    description: text,
    rules: Type.Array(SecurityRuleSchema),
    generation: count,
    createdAt: moment,
    updatedAt: moment,
  },
  { $id: "SecurityGroup" },
);
export type SecurityGroupView = Static<typeof SecurityGroupViewSchema>;

/** A point in time of a VM. */
export const SnapshotViewSchema = Type.Object(
  {
    id: text,
    vm: text,
    name: text,
    description: text,
    hasMemory: Type.Boolean(),
    phase: text,
    parent: Type.Optional(text),
    takenAt: Type.Optional(moment),
    /** How long the guest stood still. */
    pauseMs: Type.Optional(Type.Number()),
    isQuiesced: Type.Optional(Type.Boolean()),
    memoryBytes: Type.Optional(count),
    disks: Type.Optional(Type.Array(text)),
    generation: count,
    createdAt: moment,
    updatedAt: moment,
  },
  { $id: "Snapshot" },
);
export type SnapshotView = Static<typeof SnapshotViewSchema>;

export const HostViewSchema = Type.Object(
  {
    id: text,
    name: text,
    seraiVersion: text,
    kernel: text,
    cpus: count,
    memoryBytes: count,
    memoryAvailableBytes: count,
    accelerator: Type.Object({ kind: text, reason: text }),
    qemu: Type.Object({
      path: text,
      version: text,
      machineTypes: Type.Array(text),
      defaultMachineType: text,
    }),
    firmware: Type.Array(text),
    pools: Type.Array(Type.Object({ name: text, path: text, capacityBytes: count, availableBytes: count })),
    isPrivileged: Type.Boolean(),
    features: Type.Array(Type.Object({ name: text, isAvailable: Type.Boolean(), note: text })),
    startedAt: moment,
  },
  { $id: "Host" },
);
export type HostView = Static<typeof HostViewSchema>;

export const HostUsageSchema = Type.Object(
  {
    at: moment,
    cpuSeconds: Type.Object({ busy: Type.Number(), total: Type.Number() }),
    memoryBytes: count,
    memoryAvailableBytes: count,
    vms: Type.Array(
      Type.Object({
        vm: text,
        cpuSeconds: Type.Number(),
        residentBytes: count,
        guestMemoryBytes: count,
        diskReadBytes: count,
        diskWrittenBytes: count,
        netReceivedBytes: count,
        netSentBytes: count,
        uptimeSeconds: Type.Number(),
      }),
    ),
  },
  { $id: "HostUsage" },
);
export type HostUsageView = Static<typeof HostUsageSchema>;

export const ExecResultSchema = Type.Object(
  {
    exitCode: Type.Optional(Type.Integer()),
    signal: Type.Optional(Type.Integer()),
    stdoutBase64: text,
    stderrBase64: text,
    isTruncated: Type.Boolean(),
  },
  { $id: "ExecResult" },
);

export const RoleSchema = Type.Union([
  Type.Literal("viewer"),
  Type.Literal("operator"),
  Type.Literal("admin"),
]);
export type Role = Static<typeof RoleSchema>;

export const TokenViewSchema = Type.Object(
  {
    id: text,
    name: text,
    role: RoleSchema,
    createdAt: moment,
    expiresAt: Type.Optional(moment),
    lastUsedAt: Type.Optional(moment),
  },
  { $id: "Token" },
);

export const MeSchema = Type.Object({ name: text, role: RoleSchema, via: text }, { $id: "Me" });

/** Pages hold at most 1,000 items; `next` is the token of the following page. */
export const pageOf = <T extends TSchema>(item: T) =>
  Type.Object({ items: Type.Array(item), next: Type.Optional(text), revision: count });
