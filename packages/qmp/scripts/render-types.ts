import type { SchemaEntry, SchemaMember } from "./qemu-schema.ts";

/**
 * Commands that take more arguments than their schema shows: QEMU declares them `gen: false` because the
 * properties depend on the driver.
 */
const openEnded = new Set(["device_add"]);

const primitives: Record<string, string> = {
  string: "string",
  int: "number",
  number: "number",
  boolean: "boolean",
  null: "null",
  value: "unknown",
};

type Entries = ReadonlyMap<string, SchemaEntry>;

/**
 * Turns a schema into TypeScript. QEMU masks the names of its types with numbers, and shares one type between
 * places that have the same shape; the numbers are stable for one build only, so they stay inside the file.
 */
export function renderTypes(entries: readonly SchemaEntry[], series: string): string {
  const byName: Entries = new Map(entries.map((entry) => [entry.name, entry]));
  const named = entries.map((entry) => renderNamed(byName, entry)).filter((text) => text !== "");
  const ordered = entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const commands = ordered.flatMap((entry) =>
    entry["meta-type"] === "command" ? [renderCommand(byName, entry)] : [],
  );
  const events = ordered.flatMap((entry) =>
    entry["meta-type"] === "event" ? [renderEvent(byName, entry)] : [],
  );
  const suffix = series.replace(/\W/g, "_");
  return [
    `// Generated from QEMU ${series}'s own schema by packages/qmp/scripts/generate.ts. Do not edit.`,
    named.join("\n"),
    `/** Commands of QEMU ${series}: what they take and what they answer. */`,
    `export type Qmp${suffix}Commands = {\n${commands.join("\n")}\n};`,
    `/** Events of QEMU ${series} and their data. */`,
    `export type Qmp${suffix}Events = {\n${events.join("\n")}\n};`,
    "",
  ].join("\n");
}

function renderCommand(byName: Entries, entry: Extract<SchemaEntry, { "meta-type": "command" }>): string {
  const extra = openEnded.has(entry.name) ? " & { [property: string]: unknown }" : "";
  const args = renderArguments(byName, entry["arg-type"]) + extra;
  return `  ${JSON.stringify(entry.name)}: { arguments: ${args}; returns: ${reference(byName, entry["ret-type"])} };`;
}

/** `{}` would accept anything, so a command without arguments takes a record without keys. */
function renderArguments(byName: Entries, name: string): string {
  const entry = byName.get(name);
  const isEmpty = entry?.["meta-type"] === "object" && entry.members.length === 0;
  return isEmpty ? "Record<string, never>" : reference(byName, name);
}

function renderEvent(byName: Entries, entry: Extract<SchemaEntry, { "meta-type": "event" }>): string {
  return `  ${JSON.stringify(entry.name)}: ${reference(byName, entry["arg-type"])};`;
}

/** Objects, enums and alternates get a name, because they may refer to themselves; the rest is written in place. */
function renderNamed(byName: Entries, entry: SchemaEntry): string {
  switch (entry["meta-type"]) {
    case "enum":
      return `type T${entry.name} = ${[...entry.values]
        .sort()
        .map((value) => JSON.stringify(value))
        .join(" | ")};`;
    case "alternate":
      return `type T${entry.name} = ${entry.members.map((member) => reference(byName, member.type)).join(" | ")};`;
    case "object":
      return `type T${entry.name} = ${renderObject(byName, entry)};`;
    default:
      return "";
  }
}

function renderObject(byName: Entries, entry: Extract<SchemaEntry, { "meta-type": "object" }>): string {
  const { tag } = entry;
  if (tag === undefined) return renderMembers(byName, entry.members);
  const tagType = byName.get(entry.members.find((member) => member.name === tag)?.type ?? "");
  if (tagType?.["meta-type"] !== "enum") throw new Error(`The tag of type ${entry.name} is not an enum.`);
  const variants = new Map(entry.variants?.map((variant) => [variant.case, variant.type]));
  const cases = tagType.values.map((value) => {
    const type = variants.get(value);
    const own = `{ ${JSON.stringify(tag)}: ${JSON.stringify(value)} }`;
    return type === undefined ? own : `(${own} & ${reference(byName, type)})`;
  });
  return `${renderMembers(
    byName,
    entry.members.filter((member) => member.name !== tag),
  )} & (${cases.join(" | ")})`;
}

function renderMembers(byName: Entries, members: readonly SchemaMember[]): string {
  if (members.length === 0) return "{}";
  return `{ ${members.map((member) => renderMember(byName, member)).join("; ")} }`;
}

function renderMember(byName: Entries, member: SchemaMember): string {
  const isOptional = "default" in member;
  return `${JSON.stringify(member.name)}${isOptional ? "?" : ""}: ${reference(byName, member.type)}${isOptional ? " | undefined" : ""}`;
}

function reference(byName: Entries, name: string): string {
  const entry = byName.get(name);
  switch (entry?.["meta-type"]) {
    case "builtin":
      return primitives[entry["json-type"]] ?? "unknown";
    case "array":
      return `Array<${reference(byName, entry["element-type"])}>`;
    case "enum":
    case "object":
    case "alternate":
      return `T${name}`;
    default:
      throw new Error(`The schema refers to ${name}, which it does not define.`);
  }
}
