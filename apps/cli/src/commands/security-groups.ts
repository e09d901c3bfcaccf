import { listAll } from "@serai/api-contract/client";
import type { SecurityGroupView } from "@serai/api-contract/schemas";
import type { Context } from "../context.ts";
import { parseRule, ruleText } from "../parse-network.ts";
import { table } from "../terminal-text.ts";

type RuleOptions = { rule?: string[]; description?: string };

export async function listGroups(context: Context): Promise<void> {
  const groups: SecurityGroupView[] = [];
  for await (const group of listAll(await context.client(), "listSecurityGroups", {}, context.signal))
    groups.push(group);
  context.show(groups, () =>
    groups.length === 0
      ? "There are no security groups yet; serai group create NAME --rule in:tcp:22 makes one."
      : table(
          ["NAME", "ID", "RULES"],
          groups.map(({ name, id, rules }) => [name, id, rules.map(ruleText).join("  ")]),
        ),
  );
}

export async function createGroup(context: Context, name: string, options: RuleOptions): Promise<void> {
  const client = await context.client();
  const body = {
    name,
    ...(options.description !== undefined && { description: options.description }),
    rules: (options.rule ?? []).map(parseRule),
  };
  const ended = await context.finish(
    await client.call("createSecurityGroup", { body }, context.signal),
    `Creating ${name}`,
  );
  context.show(ended, () => `Created security group ${name}.`);
}

export async function setGroup(context: Context, group: string, options: RuleOptions): Promise<void> {
  const client = await context.client();
  const body = {
    ...(options.description !== undefined && { description: options.description }),
    ...(options.rule !== undefined && { rules: options.rule.map(parseRule) }),
  };
  const receipt = await client.call("changeSecurityGroup", { params: { group }, body }, context.signal);
  const ended = await context.finish(receipt, `Changing ${group}`);
  context.show(
    ended,
    () => `Changed security group ${ended.target.name ?? group}; running VMs follow within a second.`,
  );
}

export async function removeGroups(context: Context, references: readonly string[]): Promise<void> {
  const client = await context.client();
  for (const group of references) {
    const receipt = await client.call("deleteSecurityGroup", { params: { group } }, context.signal);
    const ended = await context.finish(receipt, `Deleting ${group}`);
    context.show(ended, () => `Deleted security group ${ended.target.name ?? group}.`);
  }
}
