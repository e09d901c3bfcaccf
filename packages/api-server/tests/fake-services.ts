import { PassThrough, Readable } from "node:stream";
import {
  imageExample,
  networkExample,
  operationExample,
  securityGroupExample,
  snapshotExample,
  vmExample,
} from "@serai/api-contract/examples";
import { authorize, type Actor } from "@serai/control/services/actor";
import type { ChangeFrame, Services } from "@serai/control/services/services";
import { Fault } from "@serai/kit/fault";

export const secrets = {
  viewer: "viewer-secret",
  operator: "operator-secret",
  admin: "admin-secret",
} as const;
export const session = "session-of-an-admin";

const servedFrom = (view: { id: string; generation: number }) => ({
  id: view.id,
  generation: view.generation,
  json: JSON.stringify(view),
});

const access: Services["access"] = {
  createLoginLink: async (actor) => (
    authorize(actor, "admin"),
    { code: "c".repeat(43), expiresAt: "2030-01-01T00:00:00.000Z" }
  ),
  login: async (code) => {
    if (code !== "c".repeat(43))
      throw new Fault("auth.bad_credentials", "This link was used already, or is too old; ask for another.");
    return { session, expiresAt: "2030-01-01T00:00:00.000Z", actor: { name: "admin", role: "admin" } };
  },
  logout: async () => {},
  actorOfSession: (secret) => (secret === session ? { name: "admin", role: "admin" } : undefined),
  actorOfToken: (secret) => {
    const role = (Object.keys(secrets) as (keyof typeof secrets)[]).find((one) => secrets[one] === secret);
    return role && { name: role, role };
  },
  listTokens: () => [],
  createToken: async (_request, actor) => (
    authorize(actor, "admin"),
    {
      token: { id: "tok-1", name: "a", role: "viewer", createdAt: "2026-01-01T00:00:00.000Z" },
      secret: "s",
    }
  ),
  deleteToken: async (_reference, actor) => authorize(actor, "admin"),
};

const host: Services["host"] = {
  report: async () => ({}) as never,
  usage: async () => ({}) as never,
  exec: async () => ({ exitCode: 0, stdoutBase64: "", stderrBase64: "", isTruncated: false }),
  screenshot: async () => new Uint8Array([1, 2, 3]),
  openStream: async () => new PassThrough(), // an echo
  exportImage: async (_reference, _format, actor) => {
    authorize(actor, "operator");
    return { content: Readable.from([Buffer.from("disk")]), sizeBytes: 4, fileName: "a.raw" };
  },
  exportVm: async (_reference, _wish, actor) => {
    authorize(actor, "operator");
    return { content: Readable.from([Buffer.from("disk")]), sizeBytes: 4, fileName: "a.ova" };
  },
};

/** Services with nothing behind them: for tests of what the server itself does with requests. */
export function fakeServices(
  override: Partial<{ [K in keyof Services]: Partial<Services[K]> }> = {},
): Services {
  const vm = servedFrom(vmExample);
  const image = servedFrom(imageExample);
  const snapshot = servedFrom(snapshotExample);
  const network = servedFrom(networkExample);
  const group = servedFrom(securityGroupExample);
  const operation = servedFrom({ ...operationExample, generation: 1 });
  const accept = async (actor: Actor) => (authorize(actor, "operator"), operationExample);
  const page = { items: [vm.json], revision: 7 };
  const base: Services = {
    vms: {
      list: () => page,
      get: (reference) => {
        if (reference === vmExample.name || reference === vmExample.id) return vm;
        throw new Fault("vm.not_found", `There is no VM ${reference}; list them to see which there are.`);
      },
      create: (_spec, _options, { actor }) => accept(actor),
      clone: (_reference, _wish, { actor }) => accept(actor),
      change: (_reference, _change, { actor }) => accept(actor),
      delete: (_reference, _options, { actor }) => accept(actor),
      requestPower: (_reference, _request, { actor }) => accept(actor),
    },
    images: {
      list: () => ({ items: [image.json], revision: 7 }),
      get: () => image,
      declare: (_request, { actor }) => accept(actor),
      receive: async (_reference, { chunks }) => {
        for await (const _chunk of chunks);
        return image;
      },
      delete: (_reference, { actor }) => accept(actor),
      catalogue: () => [],
    },
    snapshots: {
      list: () => ({ items: [snapshot.json], revision: 7 }),
      get: () => snapshot,
      create: (_vm, _wish, { actor }) => accept(actor),
      revert: (_vm, _snapshot, { actor }) => accept(actor),
      delete: (_vm, _snapshot, { actor }) => accept(actor),
    },
    networks: {
      list: () => ({ items: [network.json], revision: 7 }),
      get: () => network,
      create: (_spec, { actor }) => accept(actor),
      change: (_network, _change, { actor }) => accept(actor),
      delete: (_network, { actor }) => accept(actor),
    },
    securityGroups: {
      list: () => ({ items: [group.json], revision: 7 }),
      get: () => group,
      create: (_spec, { actor }) => accept(actor),
      change: (_group, _change, { actor }) => accept(actor),
      delete: (_group, { actor }) => accept(actor),
    },
    operations: {
      list: () => ({ items: [operation.json], revision: 7 }),
      get: async () => operation,
      cancel: async () => operation,
    },
    events: { list: async () => ({ items: [], revision: 7 }) },
    changes: {
      async *follow(): AsyncGenerator<ChangeFrame> {
        yield { revision: 7, json: JSON.stringify({ revision: 7, kind: "bookmark" }) };
      },
    },
    access,
    host,
  };
  const merged = Object.entries(base).map(([name, service]) => [
    name,
    { ...service, ...override[name as keyof Services] },
  ]);
  return Object.fromEntries(merged) as Services;
}
