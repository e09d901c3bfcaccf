import type { Role } from "@serai/api-contract/schemas";
import type { Context } from "../context.ts";
import { parseWhole } from "../parse-values.ts";
import { plain, table } from "../terminal-text.ts";

export async function makeLoginLink(context: Context): Promise<void> {
  const link = await (await context.client()).call("createLoginLink", {}, context.signal);
  context.show(link, () => `${link.url}\nGood once, until ${link.expiresAt}.`);
}

export async function listTokens(context: Context): Promise<void> {
  const { items } = await (await context.client()).call("listTokens", {}, context.signal);
  context.show(items, () =>
    items.length === 0
      ? "There are no API tokens; make one with serai token create NAME."
      : table(
          ["NAME", "ID", "ROLE", "CREATED", "EXPIRES"],
          items.map((token) => [
            plain(token.name),
            token.id,
            token.role,
            token.createdAt,
            token.expiresAt ?? "never",
          ]),
        ),
  );
}

export async function createToken(
  context: Context,
  name: string,
  options: { role: string; days?: string },
): Promise<void> {
  const body = {
    name,
    role: options.role as Role,
    ...(options.days !== undefined && { expiresInDays: parseWhole(options.days, "--days", 1, 3650) }),
  };
  const made = await (await context.client()).call("createToken", { body }, context.signal);
  context.show(made, () => made.secret);
  if (!context.isJson) process.stderr.write("This secret is shown only now.\n");
}

export async function removeToken(context: Context, token: string): Promise<void> {
  await (await context.client()).call("deleteToken", { params: { token } }, context.signal);
  context.say(`Revoked ${token}.`);
}
