import { Fault } from "@serai/kit/fault";
import { IdSchema } from "@serai/model/host-request";
import { importFormats } from "@serai/model/image-format";
import type { ImageRecord } from "@serai/model/image";
import { Type } from "@serai/model/schema";
import { schemaCheck } from "@serai/model/schema-check";
import { NetworkSpecSchema, type NetworkRecord } from "@serai/model/network";
import { Address6Schema } from "@serai/model/nic-values";
import { SecurityGroupSpecSchema } from "@serai/model/security-group";
import type { SnapshotRecord } from "@serai/model/snapshot";
import type { VmRecord } from "@serai/model/vm";
import { ImageNameSchema, VmSpecSchema } from "@serai/model/vm-spec";
import type { Intents, IntentSource } from "./intent-source.ts";

const counter = Type.Integer({ minimum: 0 });
const required = ["cpus", "memoryBytes", "firmware", "disks", "nics", "display", "policy"] as const;

/** Only what a host acts on; the rest of a record is nothing to it. */
const VmRecordSchema = Type.Object({
  id: IdSchema,
  spec: VmSpecSchema,
  machineType: Type.String({ pattern: "^pc-q35-[0-9]{1,2}\\.[0-9]{1,2}$" }),
  uuid: Type.String({ pattern: "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$" }),
  power: Type.Union(
    (["running", "paused", "stopped", "suspended"] as const).map((power) => Type.Literal(power)),
  ),
  stop: Type.Object({ isForced: Type.Boolean() }),
  resetCount: counter,
  isDeleting: Type.Boolean(),
  origin: Type.Optional(
    Type.Object({
      vm: IdSchema,
      kind: Type.Union([Type.Literal("linked"), Type.Literal("full")]),
      snapshot: Type.Optional(IdSchema),
    }),
  ),
  generation: counter,
});

const sha256 = Type.Optional(Type.String({ pattern: "^[0-9a-f]{64}$" }));
const ImageRecordSchema = Type.Object({
  id: IdSchema,
  source: Type.Union([
    Type.Object({ kind: Type.Literal("builtin"), name: ImageNameSchema }),
    Type.Object({
      kind: Type.Union([Type.Literal("upload"), Type.Literal("catalogue"), Type.Literal("url")]),
      sha256,
    }),
  ]),
  format: Type.Optional(Type.Union(importFormats.map((format) => Type.Literal(format)))),
  sha256,
  generation: counter,
});

const NetworkRecordSchema = Type.Object({
  id: IdSchema,
  spec: Type.Object(
    {
      ...NetworkSpecSchema.properties,
      // Complete: with the gateway that control chose.
      ipv6: Type.Optional(
        Type.Object(
          { prefix: NetworkSpecSchema.properties.ipv6.properties.prefix, gateway: Address6Schema },
          { additionalProperties: false },
        ),
      ),
    },
    { additionalProperties: false },
  ),
  isDeleting: Type.Boolean(),
  generation: counter,
});
const requiredOfNetworks = ["kind", "mtu", "domain", "leases", "forwards"] as const;

const SecurityGroupRecordSchema = Type.Object({ spec: SecurityGroupSpecSchema });

const SnapshotRecordSchema = Type.Object({
  id: IdSchema,
  vm: IdSchema,
  hasMemory: Type.Boolean(),
  phase: Type.Union(
    (["creating", "ready", "reverting", "deleting"] as const).map((phase) => Type.Literal(phase)),
  ),
  generation: counter,
});

const snapshotCheck = schemaCheck(SnapshotRecordSchema);
const vmCheck = schemaCheck(VmRecordSchema);
const imageCheck = schemaCheck(ImageRecordSchema);
const networkCheck = schemaCheck(NetworkRecordSchema);
const groupCheck = schemaCheck(SecurityGroupRecordSchema);
const idCheck = schemaCheck(IdSchema);

/** Wraps a source so that every record is checked, and belongs to the id it was asked by. */
export function trustedIntents(source: IntentSource): Intents {
  return {
    vm: (id) => trustedVm(id, source.vm(id)),
    image(id) {
      const record = parse(source.image(id));
      if (record === undefined) return undefined;
      if (!imageCheck.matches(record) || record.id !== id) throw refused("image", id);
      return record as unknown as ImageRecord;
    },
    snapshot(id) {
      const record = parse(source.snapshot(id));
      if (record === undefined) return undefined;
      if (!snapshotCheck.matches(record) || record.id !== id) throw refused("snapshot", id);
      return record as unknown as SnapshotRecord;
    },
    network(id) {
      const record = parse(source.network(id));
      if (record === undefined) return undefined;
      const isWhole =
        networkCheck.matches(record) &&
        record.id === id &&
        requiredOfNetworks.every((field) => record.spec[field] !== undefined);
      if (!isWhole) throw refused("network", id);
      return record as unknown as NetworkRecord;
    },
    securityGroups: () =>
      source.securityGroups().map((text) => {
        const record = parse(text);
        if (!groupCheck.matches(record)) throw refused("a security group", "");
        return record.spec;
      }),
    vmsNaming: (id) => source.vmsContaining(id).map(({ id: vm, text }) => trustedVm(vm, text) as VmRecord),
    networkIds: () => new Set(source.networkIds().filter((id) => idCheck.matches(id))),
    vmIds: () => new Set(source.vmIds().filter((id) => idCheck.matches(id))),
    imageIds: () => new Set(source.imageIds().filter((id) => idCheck.matches(id))),
  };
}

function trustedVm(id: string, text: string | undefined): VmRecord | undefined {
  const record = parse(text);
  if (record === undefined) return undefined;
  if (
    !vmCheck.matches(record) ||
    record.id !== id ||
    required.some((field) => record.spec[field] === undefined)
  ) {
    throw refused("VM", id);
  }
  return record as unknown as VmRecord; // what a host acts on was checked; the rest it does not read
}

/** Refuses what is not shaped like one of our ids, before it is used as a file name. */
export function assertId(id: string): void {
  if (!idCheck.matches(id))
    throw new Fault("request.malformed", "That is not an id; ids look like vm-3k9d0xq2m7ap.");
}

function parse(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return null; // fails the check below it, which names the record
  }
}

const refused = (what: string, id: string): Fault =>
  new Fault(
    "vm.spec_invalid",
    `The stored record of ${what} ${id} is not valid; the host refuses to act on it.`,
  );
