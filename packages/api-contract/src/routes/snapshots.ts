import { ImageNameSchema, ReferenceSchema } from "@serai/model/vm-spec";
import { Type } from "@serai/model/schema";
import { route } from "../route.ts";
import { OperationSchema, pageOf, SnapshotViewSchema } from "../schemas.ts";

const VmParams = Type.Object({ vm: ReferenceSchema });
const SnapshotParams = Type.Object({ vm: ReferenceSchema, snapshot: ReferenceSchema });
const foundVm = ["vm.not_found", "name.ambiguous"] as const;
const found = [...foundVm, "snapshot.not_found"] as const;

export const listSnapshots = route({
  method: "GET",
  path: "/v1/vms/:vm/snapshots",
  summary: "List a VM's snapshots, oldest first; `parent` makes them a tree",
  access: "viewer",
  tag: "vms",
  params: VmParams,
  replies: { 200: pageOf(SnapshotViewSchema) },
  faults: foundVm,
});

export const getSnapshot = route({
  method: "GET",
  path: "/v1/vms/:vm/snapshots/:snapshot",
  summary: "Show a snapshot, by id or name",
  access: "viewer",
  tag: "vms",
  params: SnapshotParams,
  replies: { 200: SnapshotViewSchema },
  faults: found,
  hasEtag: true,
});

export const createSnapshot = route({
  method: "POST",
  path: "/v1/vms/:vm/snapshots",
  summary:
    "Take a snapshot of a stopped, running or paused VM; with `memory` a revert goes on from this moment",
  access: "operator",
  tag: "vms",
  params: VmParams,
  body: Type.Object(
    {
      name: ImageNameSchema,
      description: Type.Optional(Type.String({ maxLength: 1024 })),
      memory: Type.Optional(Type.Boolean({ description: "keep the memory of the running guest, too" })),
    },
    { additionalProperties: false },
  ),
  replies: { 202: OperationSchema },
  faults: [...foundVm, "name.taken", "vm.wrong_state", "snapshot.wrong_state", "pool.full"],
  isIdempotent: true,
});

export const revertToSnapshot = route({
  method: "POST",
  path: "/v1/vms/:vm/snapshots/:snapshot/revert",
  summary: "Take a VM back to a snapshot; what it holds now is lost unless another snapshot has it",
  access: "operator",
  tag: "vms",
  params: SnapshotParams,
  replies: { 202: OperationSchema },
  faults: [...found, "vm.wrong_state", "snapshot.wrong_state", "pool.full"],
  isIdempotent: true,
});

export const deleteSnapshot = route({
  method: "DELETE",
  path: "/v1/vms/:vm/snapshots/:snapshot",
  summary: "Delete a snapshot; the VM and its other snapshots stay as they are",
  access: "operator",
  tag: "vms",
  params: SnapshotParams,
  replies: { 202: OperationSchema },
  faults: [...found, "vm.wrong_state", "snapshot.wrong_state"],
});
