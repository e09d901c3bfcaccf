import { ExecRequestSchema } from "@serai/model/host-request";
import { Type } from "@serai/model/schema";
import {
  DeviceNameSchema,
  NameSchema,
  ReferenceSchema,
  VmChangeSchema,
  VmSpecSchema,
} from "@serai/model/vm-spec";
import { PageQuerySchema } from "../page.ts";
import { route } from "../route.ts";
import { ExecResultSchema, OperationSchema, pageOf, VmViewSchema } from "../schemas.ts";

const VmParams = Type.Object({ vm: ReferenceSchema });
const found = ["vm.not_found", "name.ambiguous"] as const;
/** Of NICs that name a network. */
const networkFaults = [
  "network.not_found",
  "network.spec_invalid",
  "network.addresses_exhausted",
  "network.unsupported",
] as const;
const started = { 202: OperationSchema } as const;

export const listVms = route({
  method: "GET",
  path: "/v1/vms",
  summary: "List VMs by name",
  access: "viewer",
  tag: "vms",
  query: PageQuerySchema,
  replies: { 200: pageOf(VmViewSchema) },
  faults: [],
});

export const getVm = route({
  method: "GET",
  path: "/v1/vms/:vm",
  summary: "Show a VM, by id, name or the first characters of its id",
  access: "viewer",
  tag: "vms",
  params: VmParams,
  replies: { 200: VmViewSchema },
  faults: found,
  hasEtag: true,
});

export const createVm = route({
  method: "POST",
  path: "/v1/vms",
  summary: "Create a VM, stopped unless `start` is given",
  access: "operator",
  tag: "vms",
  query: Type.Object({ start: Type.Optional(Type.Boolean()) }, { additionalProperties: false }),
  body: VmSpecSchema,
  replies: started,
  faults: [
    "name.taken",
    "vm.spec_invalid",
    "image.not_found",
    "image.not_ready",
    "host.no_capacity",
    "name.ambiguous",
    ...networkFaults,
  ],
  isIdempotent: true,
});

export const changeVm = route({
  method: "PATCH",
  path: "/v1/vms/:vm",
  summary: "Change a VM; what a running guest cannot take takes effect at its next start",
  access: "operator",
  tag: "vms",
  params: VmParams,
  body: VmChangeSchema,
  replies: started,
  faults: [
    ...found,
    "name.taken",
    "vm.spec_invalid",
    "vm.wrong_state",
    "image.not_found",
    "image.not_ready",
    ...networkFaults,
    "request.precondition_failed",
  ],
  hasEtag: true,
  isIdempotent: true,
});

export const deleteVm = route({
  method: "DELETE",
  path: "/v1/vms/:vm",
  summary: "Delete a stopped VM and its volumes; `force` ends a running one first",
  access: "operator",
  tag: "vms",
  params: VmParams,
  query: Type.Object({ force: Type.Optional(Type.Boolean()) }, { additionalProperties: false }),
  replies: started,
  faults: [...found, "vm.wrong_state", "request.precondition_failed"],
  hasEtag: true,
});

export const cloneVm = route({
  method: "POST",
  path: "/v1/vms/:vm/clone",
  summary: "Clone a stopped VM, or a snapshot of any: linked to its disks (default) or as a full copy",
  access: "operator",
  tag: "vms",
  params: VmParams,
  body: Type.Object(
    {
      name: NameSchema,
      kind: Type.Optional(Type.Union([Type.Literal("linked"), Type.Literal("full")])),
      snapshot: Type.Optional(ReferenceSchema),
      start: Type.Optional(Type.Boolean()),
    },
    { additionalProperties: false },
  ),
  replies: started,
  faults: [...found, "name.taken", "snapshot.not_found", "vm.wrong_state", "host.no_capacity", "pool.full"],
  isIdempotent: true,
});

const power = <const P extends string, const S extends string>(verb: P, summary: S) =>
  route({
    method: "POST",
    path: `/v1/vms/:vm/${verb}`,
    summary,
    access: "operator",
    tag: "vms",
    params: VmParams,
    replies: started,
    faults: [...found, "vm.wrong_state", "host.no_capacity"],
    isIdempotent: true,
  });

export const startVm = power("start", "Start a VM, or resume it from disk when it is suspended");
export const pauseVm = power("pause", "Pause a running VM in memory");
export const resumeVm = power("resume", "Resume a paused VM");
export const resetVm = power("reset", "Reset a VM, as its reset button would");
export const suspendVm = power("suspend", "Suspend a VM to disk; `start` resumes it");

export const stopVm = route({
  method: "POST",
  path: "/v1/vms/:vm/stop",
  summary: "Stop a VM: ask its agent, then ACPI, and end it at the deadline; or end it at once with `force`",
  access: "operator",
  tag: "vms",
  params: VmParams,
  body: Type.Optional(
    Type.Object(
      {
        force: Type.Optional(Type.Boolean()),
        deadlineSeconds: Type.Optional(
          Type.Integer({ minimum: 1, maximum: 3600, description: "default 90" }),
        ),
      },
      { additionalProperties: false },
    ),
  ),
  replies: started,
  faults: [...found, "vm.wrong_state"],
  isIdempotent: true,
});

export const execInVm = route({
  method: "POST",
  path: "/v1/vms/:vm/exec",
  summary: "Run a program in the guest through its agent and wait for it",
  access: "operator",
  tag: "vms",
  params: VmParams,
  body: ExecRequestSchema,
  replies: { 200: ExecResultSchema },
  faults: [...found, "vm.wrong_state", "vm.agent_unavailable", "vm.agent_refused", "request.timeout"],
});

export const exportVm = route({
  method: "GET",
  path: "/v1/vms/:vm/export",
  summary: "Download a stopped VM: all of it as an appliance (ova), or one disk in any other format",
  access: "operator",
  tag: "vms",
  params: VmParams,
  query: Type.Object(
    {
      format: Type.Union([
        Type.Literal("ova"),
        Type.Literal("raw"),
        Type.Literal("qcow2"),
        Type.Literal("vmdk"),
        Type.Literal("vmdk-sparse"),
        Type.Literal("vhdx"),
        Type.Literal("vpc"),
        Type.Literal("vdi"),
      ]),
      disk: Type.Optional(DeviceNameSchema),
    },
    { additionalProperties: false },
  ),
  replies: { 200: { contentType: "application/octet-stream" } },
  faults: [
    ...found,
    "vm.wrong_state",
    "vm.spec_invalid",
    "volume.not_found",
    "volume.locked",
    "image.hostile",
    "pool.full",
  ],
});

export const screenshotVm = route({
  method: "GET",
  path: "/v1/vms/:vm/screenshot",
  summary: "The screen as a PNG picture",
  access: "viewer",
  tag: "vms",
  params: VmParams,
  replies: { 200: { contentType: "image/png" } },
  faults: [...found, "vm.wrong_state", "vm.device_unavailable"],
});

export const vmSerial = route({
  method: "GET",
  path: "/v1/vms/:vm/serial",
  summary: "The serial terminal over WebSocket",
  access: "operator",
  tag: "vms",
  params: VmParams,
  replies: {},
  faults: [...found, "vm.wrong_state"],
  webSocket: { protocol: "binary", description: "binary frames both ways; begins with recent output" },
});

export const vmDisplay = route({
  method: "GET",
  path: "/v1/vms/:vm/display",
  summary: "The screen, keyboard and mouse over WebSocket (RFB, as noVNC speaks it)",
  access: "operator",
  tag: "vms",
  params: VmParams,
  replies: {},
  faults: [...found, "vm.wrong_state", "vm.device_unavailable"],
  webSocket: { protocol: "binary", description: "RFB bytes" },
});
