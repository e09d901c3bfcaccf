import { ExecRequestSchema, hostVerbs, IdSchema, type ExportWish } from "@serai/model/host-request";
import { diskExportFormats, vmExportFormats, type DiskExportFormat } from "@serai/model/image-format";
import { Type } from "@serai/model/schema";
import { schemaCheck } from "@serai/model/schema-check";
import { DeviceNameSchema } from "@serai/model/vm-spec";
import { snapshotVerbs, type SnapshotVerb } from "@serai/model/snapshot";
import type { HostAgent } from "./host-agent.ts";

export type HostRequest = {
  /** Throws nothing; false for anything but exactly the right shape. */
  isValid(body: unknown): boolean;
  maxBytes: number;
  /** Steps go on when whoever asked is gone: half a step is worse than one too many. */
  outlivesCaller?: boolean;
  run(agent: Omit<HostAgent, "close">, body: never, signal: AbortSignal): Promise<unknown>;
};

const strict = { additionalProperties: false };
const nothing = Type.Object({}, strict);
const vm = Type.Object({ vm: IdSchema }, strict);
const image = Type.Object({ image: IdSchema, generation: Type.Integer({ minimum: 0 }) }, strict);
const act = Type.Object(
  {
    verb: Type.Union(hostVerbs.map((verb) => Type.Literal(verb))),
    vm: IdSchema,
    generation: Type.Integer({ minimum: 0 }),
  },
  strict,
);
const snapshot = Type.Object(
  {
    verb: Type.Union(snapshotVerbs.map((verb) => Type.Literal(verb))),
    snapshot: IdSchema,
    generation: Type.Integer({ minimum: 0 }),
  },
  strict,
);
const network = Type.Object({ network: IdSchema, generation: Type.Integer({ minimum: 0 }) }, strict);
const networkRules = Type.Object({ network: IdSchema }, strict);
const exec = Type.Object({ vm: IdSchema, request: ExecRequestSchema }, strict);

function request<Body>(
  schema: Parameters<typeof schemaCheck>[0],
  run: (agent: Omit<HostAgent, "close">, body: Body, signal: AbortSignal) => Promise<unknown>,
  options: { maxBytes?: number; outlivesCaller?: boolean } = {},
): HostRequest {
  const check = schemaCheck(schema);
  return { isValid: (body) => check.matches(body), maxBytes: 4096, ...options, run };
}

const exportImage = Type.Object(
  { image: IdSchema, format: Type.Union(diskExportFormats.map((format) => Type.Literal(format))) },
  strict,
);
const exportVm = Type.Object(
  {
    vm: IdSchema,
    format: Type.Union(vmExportFormats.map((format) => Type.Literal(format))),
    disk: Type.Optional(DeviceNameSchema),
  },
  strict,
);

type ExportImageBody = { image: string; format: DiskExportFormat };
type ExportVmBody = ExportWish & { vm: string };
type VmBody = { vm: string };
type ImageBody = { image: string; generation: number };
type ActBody = { verb: (typeof hostVerbs)[number]; vm: string; generation: number };
type SnapshotBody = { verb: SnapshotVerb; snapshot: string; generation: number };
type NetworkBody = { network: string; generation: number };
type ExecBody = { vm: string; request: Parameters<HostAgent["exec"]>[1] };

/** The closed list of what control may ask of a host, by name. Nothing else is answered. */
export const hostRequests: Readonly<Record<string, HostRequest>> = {
  describe: request(nothing, (agent, _body, signal) => agent.describe(signal)),
  look: request<VmBody>(vm, (agent, body, signal) => agent.look(body.vm, signal)),
  act: request<ActBody>(
    act,
    (agent, body, signal) => agent.act(body.verb, body.vm, body.generation, signal),
    {
      outlivesCaller: true,
    },
  ),
  "act-on-snapshot": request<SnapshotBody>(
    snapshot,
    (agent, body, signal) => agent.actOnSnapshot(body.verb, body.snapshot, body.generation, signal),
    { outlivesCaller: true },
  ),
  usage: request(nothing, (agent, _body, signal) => agent.usage(signal)),
  exec: request<ExecBody>(exec, (agent, body, signal) => agent.exec(body.vm, body.request, signal), {
    maxBytes: 8 * 1024 * 1024,
  }),
  screenshot: request<VmBody>(vm, (agent, body, signal) => agent.screenshot(body.vm, signal)),
  "take-image": request<ImageBody>(image, (agent, body, signal) =>
    agent.takeImage(body.image, body.generation, signal),
  ),
  "remove-image": request<ImageBody>(image, (agent, body, signal) =>
    agent.removeImage(body.image, body.generation, signal),
  ),
  "export-image": request<ExportImageBody>(exportImage, (agent, body, signal) =>
    agent.exportImage(body.image, body.format, signal),
  ),
  "export-vm": request<ExportVmBody>(exportVm, (agent, { vm: id, ...wish }, signal) =>
    agent.exportVm(id, wish, signal),
  ),
  "ensure-network": request<NetworkBody>(
    network,
    (agent, body, signal) => agent.ensureNetwork(body.network, body.generation, signal),
    { outlivesCaller: true },
  ),
  "remove-network": request<NetworkBody>(
    network,
    (agent, body, signal) => agent.removeNetwork(body.network, body.generation, signal),
    { outlivesCaller: true },
  ),
  "apply-network-rules": request<{ network: string }>(
    networkRules,
    (agent, body, signal) => agent.applyNetworkRules(body.network, signal),
    { outlivesCaller: true },
  ),
  sweep: request(nothing, (agent, _body, signal) => agent.sweep(signal)),
};
