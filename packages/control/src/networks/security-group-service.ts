import { timestamp } from "@serai/kit/clock";
import { Fault } from "@serai/kit/fault";
import { newId } from "@serai/kit/id";
import { checkSecurityGroup } from "@serai/model/check-network";
import { networkFault } from "@serai/model/complete-network-spec";
import type { Operation, Target } from "@serai/model/operation";
import {
  securityGroupKey,
  securityGroupNameKey,
  type SecurityGroupChange,
  type SecurityGroupRecord,
  type SecurityGroupSpec,
} from "@serai/model/security-group";
import type { Compare, Write } from "@serai/store/store";
import type { Plan } from "../commit.ts";
import { absent, newOperation, putEvent, putOperation, unchanged, type ControlParts } from "../parts.ts";
import { authorize } from "../services/actor.ts";
import { commitOnce } from "../services/commit-once.ts";
import { pageByName } from "../services/list-page.ts";
import { defaultProject } from "../services/plan-creation.ts";
import type { Context } from "../services/request.ts";
import type { SecurityGroupService } from "../services/services.ts";
import type { SecurityGroupEntry } from "../view/security-group-shelf.ts";
import type { View } from "../view/view.ts";
import { findSecurityGroup } from "./find-network.ts";

const maxGroups = 1000;

/** Security groups: a change is done once it is stored; the controllers of the networks carry it to the hosts. */
export function createSecurityGroupService(parts: ControlParts): SecurityGroupService {
  const { view } = parts;
  const ask = async (
    context: Context,
    request: unknown,
    plan: () => Plan<Operation>,
    signal: AbortSignal,
  ) => {
    authorize(context.actor, "operator");
    const operation = await commitOnce(parts, { context, request }, plan, signal);
    for (const id of view.networks.ids())
      if (view.networks.usersOf(id).length > 0) parts.nudge("network", id);
    return operation;
  };
  return {
    list: (page, actor) => {
      authorize(actor, "viewer");
      const jsonOf = (name: string) =>
        view.securityGroups.json(view.securityGroups.idOf(name) ?? "") ?? "null";
      return { ...pageByName(view.securityGroups.names(), page, jsonOf), revision: view.revision };
    },
    get: (reference, actor) => {
      authorize(actor, "viewer");
      const { record } = findSecurityGroup(view, reference);
      return {
        id: record.id,
        generation: record.generation,
        json: view.securityGroups.json(record.id) ?? "null",
      };
    },
    create: (spec, context, signal) =>
      ask(context, ["security_group.create", spec], () => planCreation(parts, spec, context), signal),
    change: (reference, change, context, signal) =>
      ask(
        context,
        ["security_group.change", reference, change],
        () => planChange(parts, expected(findSecurityGroup(view, reference), context), { change, context }),
        signal,
      ),
    delete: (reference, context, signal) =>
      ask(
        context,
        ["security_group.delete", reference],
        () => planDeletion(parts, expected(findSecurityGroup(view, reference), context), context),
        signal,
      ),
  };
}

function expected(entry: SecurityGroupEntry, { expectedGeneration }: Context): SecurityGroupEntry {
  const { generation, spec } = entry.record;
  if (expectedGeneration === undefined || expectedGeneration === generation) return entry;
  throw new Fault(
    "request.precondition_failed",
    `${spec.name} has changed since: it is at generation ${generation}. Look again.`,
    {
      details: { generation },
    },
  );
}

const targetOf = ({ id, spec }: SecurityGroupRecord): Target => ({
  kind: "security_group",
  id,
  name: spec.name,
});

function planCreation(parts: ControlParts, spec: SecurityGroupSpec, { actor }: Context): Plan<Operation> {
  const { view } = parts;
  if (view.securityGroups.idOf(spec.name) !== undefined) {
    throw new Fault(
      "name.taken",
      `There is already a security group called ${spec.name}: choose another name.`,
    );
  }
  if (view.securityGroups.names().length >= maxGroups) {
    throw new Fault("host.no_capacity", `There are ${maxGroups} security groups already: delete some first.`);
  }
  checkRules(view, spec);
  const createdAt = timestamp(parts.clock);
  const record: SecurityGroupRecord = {
    id: newId("sg"),
    project: defaultProject,
    spec,
    generation: 1,
    createdAt,
    updatedAt: createdAt,
  };
  const nameKey = securityGroupNameKey(record.project, spec.name);
  return finished(parts, record, {
    verb: "create",
    actor: actor.name,
    when: [absent(nameKey)],
    then: [{ put: nameKey, value: record.id }, put(record)],
  });
}

type Change = { change: SecurityGroupChange; context: Context };

function planChange(
  parts: ControlParts,
  { record, revision }: SecurityGroupEntry,
  { change, context }: Change,
): Plan<Operation> {
  const spec = { ...record.spec, ...change };
  checkRules(parts.view, spec);
  const next = { ...record, spec, generation: record.generation + 1, updatedAt: timestamp(parts.clock) };
  return finished(parts, next, {
    verb: "change",
    actor: context.actor.name,
    when: [unchanged(securityGroupKey(record.id), revision)],
    then: [put(next)],
  });
}

function planDeletion(
  parts: ControlParts,
  { record, revision }: SecurityGroupEntry,
  { actor }: Context,
): Plan<Operation> {
  const { name } = record.spec;
  const users = usersOf(parts.view, name);
  if (users.length > 0) {
    throw new Fault(
      "security_group.in_use",
      `${name} is used by ${users.slice(0, 5).join(", ")}: take it away from them first.`,
    );
  }
  return finished(parts, record, {
    verb: "delete",
    actor: actor.name,
    when: [unchanged(securityGroupKey(record.id), revision)],
    then: [{ delete: securityGroupKey(record.id) }, { delete: securityGroupNameKey(record.project, name) }],
  });
}

/** VMs whose NICs have the group, and groups whose rules name it. */
function usersOf(view: View, name: string): string[] {
  const vms = [...view.networks.ids()].flatMap((id) => view.networks.usersOf(id));
  const byNic = vms.filter(({ spec }) => spec.nics.some(({ groups }) => groups?.includes(name)));
  const byRule = [...view.securityGroups.entries()].filter(
    ({ record }) => record.spec.name !== name && namedBy(record.spec).includes(name),
  );
  return [
    ...new Set([
      ...byNic.map(({ spec }) => spec.name),
      ...byRule.map(({ record }) => `group ${record.spec.name}`),
    ]),
  ];
}

const namedBy = ({ rules }: SecurityGroupSpec): string[] =>
  rules.flatMap(({ peer }) => (typeof peer === "object" && "group" in peer ? [peer.group] : []));

function checkRules(view: View, spec: SecurityGroupSpec): void {
  checkSecurityGroup(spec);
  for (const name of namedBy(spec)) {
    if (name !== spec.name && view.securityGroups.idOf(name) === undefined)
      throw networkFault("rules", `There is no security group ${name}: create it first.`);
  }
}

const put = (record: SecurityGroupRecord): Write => ({
  put: securityGroupKey(record.id),
  value: JSON.stringify(record),
});

const past = { create: "created", change: "changed", delete: "deleted" } as const;
type Finish = { verb: keyof typeof past; actor: string; when: Compare[]; then: Write[] };

function finished(
  parts: ControlParts,
  record: SecurityGroupRecord,
  { verb, actor, when, then }: Finish,
): Plan<Operation> {
  const target = targetOf(record);
  const operation = newOperation(parts, {
    verb: `security_group.${verb}`,
    target,
    generation: record.generation,
    actor,
    hasEnded: true,
    ...(verb === "change" && { note: "Running VMs follow within a second." }),
  });
  const event = putEvent(parts, {
    type: `security_group.${past[verb]}`,
    severity: "info",
    target,
    actor,
    message: `Security group ${record.spec.name} was ${past[verb]}.`,
  });
  return { result: operation, txn: { when, then: [...then, putOperation(operation), event] } };
}
