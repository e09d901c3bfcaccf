import { timestamp } from "@serai/kit/clock";
import { Fault } from "@serai/kit/fault";
import { newId } from "@serai/kit/id";
import { checkNetwork, type NetworkWorld } from "@serai/model/check-network";
import { applyNetworkChange, completeNetworkSpec, networkFault } from "@serai/model/complete-network-spec";
import {
  networkKey,
  networkNameKey,
  userNetwork,
  type CompleteNetworkSpec,
  type NetworkChange,
  type NetworkRecord,
  type NetworkSpec,
} from "@serai/model/network";
import type { Operation } from "@serai/model/operation";
import type { Plan } from "../commit.ts";
import { absent, newOperation, putEvent, putOperation, unchanged, type ControlParts } from "../parts.ts";
import { authorize, type Actor } from "../services/actor.ts";
import { commitOnce } from "../services/commit-once.ts";
import { pageByName } from "../services/list-page.ts";
import { defaultProject } from "../services/plan-creation.ts";
import type { Context } from "../services/request.ts";
import type { NetworkService } from "../services/services.ts";
import type { NetworkEntry } from "../view/network-shelf.ts";
import type { View } from "../view/view.ts";
import { findNetwork } from "./find-network.ts";
import { networkTarget, putNetwork } from "./network-records.ts";

const maxNetworks = 1000;

/** Networks: declared here; the controller makes them on the host, and ends the receipts. */
export function createNetworkService(parts: ControlParts): NetworkService {
  const { view } = parts;
  const ask = async (
    context: Context,
    request: unknown,
    plan: () => Plan<Operation>,
    signal: AbortSignal,
  ) => {
    authorize(context.actor, "operator");
    const operation = await commitOnce(parts, { context, request }, plan, signal);
    parts.nudge("network", operation.target.id);
    return operation;
  };
  return {
    list: (page, actor) => {
      authorize(actor, "viewer");
      const jsonOf = (name: string) => view.networks.json(view.networks.idOf(name) ?? "") ?? "null";
      return { ...pageByName(view.networks.names(), page, jsonOf), revision: view.revision };
    },
    get: (reference, actor) => {
      authorize(actor, "viewer");
      const { record } = findNetwork(view, reference);
      return { id: record.id, generation: record.generation, json: view.networks.json(record.id) ?? "null" };
    },
    create: (spec, context, signal) =>
      ask(
        context,
        ["network.create", spec],
        () => planNetworkCreation(parts, spec, { actor: context.actor }),
        signal,
      ),
    change: (reference, change, context, signal) =>
      ask(
        context,
        ["network.change", reference, change],
        () =>
          planChange(parts, expected(findNetwork(view, reference), context), {
            change,
            actor: context.actor,
          }),
        signal,
      ),
    delete: (reference, context, signal) =>
      ask(
        context,
        ["network.delete", reference],
        () => planDeletion(parts, expected(findNetwork(view, reference), context), context.actor),
        signal,
      ),
  };
}

function expected(entry: NetworkEntry, { expectedGeneration }: Context): NetworkEntry {
  const { generation, spec } = entry.record;
  if (expectedGeneration === undefined || expectedGeneration === generation) return entry;
  throw new Fault(
    "request.precondition_failed",
    `${spec.name} has changed since: it is at generation ${generation}, not ${expectedGeneration}. Look again.`,
    { details: { generation } },
  );
}

/** Also makes the built-in network, which nobody asked for and which exists only while it is used. */
export function planNetworkCreation(
  parts: ControlParts,
  spec: NetworkSpec,
  { actor, isBuiltin = false }: { actor: Actor; isBuiltin?: boolean },
): Plan<Operation> {
  const { view } = parts;
  if (spec.name === userNetwork || spec.kind === "user") {
    throw networkFault(
      "name",
      "The network user is always there: each VM has its own. Choose another name and kind.",
    );
  }
  if (view.networks.idOf(spec.name) !== undefined) {
    throw new Fault("name.taken", `There is already a network called ${spec.name}: choose another name.`);
  }
  if (view.networks.names().length >= maxNetworks) {
    throw new Fault("host.no_capacity", `There are ${maxNetworks} networks already: delete some first.`);
  }
  refuseWithoutDriver(parts);
  const complete = completeNetworkSpec(withSubnet(view, spec));
  checkNetwork(complete, networkWorld(view));
  const createdAt = timestamp(parts.clock);
  const record: NetworkRecord = {
    id: newId("net"),
    project: defaultProject,
    spec: complete,
    isDeleting: false,
    ...(isBuiltin && { isBuiltin }),
    generation: 1,
    createdAt,
    updatedAt: createdAt,
  };
  const target = networkTarget(record);
  const operation = newOperation(parts, { verb: "network.create", target, generation: 1, actor: actor.name });
  const nameKey = networkNameKey(record.project, spec.name);
  const event = {
    type: "network.created",
    severity: "info",
    target,
    actor: actor.name,
    message: `Network ${spec.name} was created (${complete.kind}${complete.ipv4 ? `, ${complete.ipv4.subnet}` : ""}).`,
  } as const;
  return {
    result: operation,
    txn: {
      when: [absent(nameKey)],
      then: [
        { put: nameKey, value: record.id },
        putNetwork(record),
        putOperation(operation),
        putEvent(parts, event),
      ],
    },
  };
}

/** A NAT network that names no addresses gets a subnet that no other network has. */
function withSubnet(view: View, spec: NetworkSpec): NetworkSpec {
  if ((spec.kind ?? "nat") !== "nat" || spec.ipv4 !== undefined || spec.ipv6 !== undefined) return spec;
  const taken = new Set([...view.networks.entries()].map(({ record }) => record.spec.ipv4?.subnet));
  for (let third = 0; third < 256; third++) {
    const subnet = `10.77.${third}.0/24`;
    if (!taken.has(subnet)) return { ...spec, ipv4: { subnet } };
  }
  return spec; // the check says what to give
}

function refuseWithoutDriver(parts: ControlParts): void {
  const feature = parts.hostFacts.known()?.features.find(({ name }) => name === "networks");
  if (feature === undefined || feature.isAvailable) return;
  throw new Fault(
    "network.unsupported",
    `This host can make no networks: ${feature.note}. NICs can use the network user.`,
  );
}

function planChange(
  parts: ControlParts,
  { record, revision }: NetworkEntry,
  { change, actor }: { change: NetworkChange; actor: Actor },
): Plan<Operation> {
  const { view } = parts;
  if (record.isDeleting) throw new Fault("network.in_use", `${record.spec.name} is being deleted.`);
  const spec = applyNetworkChange(record.spec, change);
  checkNetwork(spec, networkWorld(view, record.id));
  refuseRenumbering(view, record, spec);
  const next: NetworkRecord = {
    ...record,
    spec,
    generation: record.generation + 1,
    updatedAt: timestamp(parts.clock),
  };
  const fields = Object.keys(change);
  const event = {
    type: "network.changed",
    severity: "info",
    target: networkTarget(record),
    actor: actor.name,
    message: `Network ${spec.name} was changed: ${fields.join(", ")}.`,
    data: { fields },
  } as const;
  return receipt(parts, next, { verb: "network.change", revision, actor, event: putEvent(parts, event) });
}

/** Guests keep their addresses for as long as they live. */
function refuseRenumbering(
  view: View,
  { id, spec: before }: NetworkRecord,
  after: CompleteNetworkSpec,
): void {
  const users = view.networks.usersOf(id);
  const isSame =
    before.ipv4?.subnet === after.ipv4?.subnet &&
    before.ipv4?.gateway === after.ipv4?.gateway &&
    before.ipv6?.prefix === after.ipv6?.prefix;
  if (users.length > 0 && !isSame)
    throw inUse(
      before.name,
      users.map(({ spec }) => spec.name),
      "its addresses change",
    );
  for (const lease of after.leases) {
    for (const vm of users) {
      const nic = vm.spec.nics.find(
        (one) =>
          one.network === id &&
          one.mac !== lease.mac &&
          one.address4 !== undefined &&
          one.address4 === lease.address4,
      );
      if (nic !== undefined)
        throw networkFault("leases", `${nic.address4} belongs to ${vm.spec.name}: choose another address.`);
    }
  }
}

function planDeletion(
  parts: ControlParts,
  { record, revision }: NetworkEntry,
  actor: Actor,
): Plan<Operation> {
  const { view } = parts;
  if (record.isDeleting) {
    const open = view.operations.openOn(record.id).find(({ verb }) => verb === "network.delete");
    if (open !== undefined) return { result: open };
  }
  const users = view.networks.usersOf(record.id);
  if (users.length > 0)
    throw inUse(
      record.spec.name,
      users.map(({ spec }) => spec.name),
      "it is deleted",
    );
  const next: NetworkRecord = {
    ...record,
    isDeleting: true,
    generation: record.generation + 1,
    updatedAt: timestamp(parts.clock),
  };
  return receipt(parts, next, { verb: "network.delete", revision, actor });
}

type Receipt = { verb: string; revision: number; actor: Actor; event?: ReturnType<typeof putEvent> };

function receipt(
  parts: ControlParts,
  record: NetworkRecord,
  { verb, revision, actor, event }: Receipt,
): Plan<Operation> {
  const { generation } = record;
  const operation = newOperation(parts, {
    verb,
    target: networkTarget(record),
    generation,
    actor: actor.name,
  });
  return {
    result: operation,
    txn: {
      when: [unchanged(networkKey(record.id), revision)],
      then: [putNetwork(record), putOperation(operation), ...(event === undefined ? [] : [event])],
    },
  };
}

export const inUse = (name: string, users: readonly string[], until: string): Fault =>
  new Fault(
    "network.in_use",
    `${name} is used by ${users.slice(0, 5).join(", ")}: disconnect or delete those VMs before ${until}.`,
    {
      details: { vms: users.slice(0, 100) },
    },
  );

/** What a network must get along with; `except` is the one that is looked at. */
function networkWorld(view: View, except?: string): NetworkWorld {
  return {
    portOwner: (protocol, hostPort) => {
      const isOwner = (forward: { protocol: string; hostPort: number }) =>
        forward.protocol === protocol && forward.hostPort === hostPort;
      for (const { record } of view.networks.entries()) {
        if (record.id !== except && record.spec.forwards.some(isOwner)) return record.spec.name;
      }
      for (const { record } of view.vms.entries()) {
        if (record.spec.nics.some(({ forwards }) => forwards.some(isOwner))) return record.spec.name;
      }
      return undefined;
    },
  };
}
