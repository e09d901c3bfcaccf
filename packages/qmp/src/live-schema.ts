/** What one running QEMU can do, from its own `query-qmp-schema`; for features that its version does not tell. */
export type LiveSchema = {
  hasCommand(command: string): boolean;
  hasEvent(event: string): boolean;
  /** `path` walks nested objects: `hasArgument("blockdev-mirror", "target-is-zero")`, `("migrate", "channels.addr")`. */
  hasArgument(command: string, path: string): boolean;
  /** True if the argument at `path` takes this value of an enum. */
  hasArgumentValue(command: string, path: string, value: string): boolean;
};

/** Parsed schemas by QEMU build, shared between sessions: the answer is 230 KB and the same for all of them. */
export type SchemaCache = Map<string, Promise<LiveSchema>>;

type Member = { name: string; type: string };
type Entry = {
  name: string;
  "meta-type": string;
  "arg-type"?: string;
  "element-type"?: string;
  values?: string[];
  members?: Partial<Member>[];
  variants?: { case: string; type: string }[];
};

export function readLiveSchema(reply: unknown): LiveSchema {
  const byName = new Map((reply as Entry[]).map((entry) => [entry.name, entry]));
  const is = (name: string, meta: string) => byName.get(name)?.["meta-type"] === meta;
  const resolve = (command: string, path: string) => {
    const start = is(command, "command") ? byName.get(command)?.["arg-type"] : undefined;
    return path
      .split(".")
      .reduce<string[]>(
        (types, name) => types.flatMap((type) => memberTypes(byName, type, name)),
        start === undefined ? [] : [start],
      );
  };
  return {
    hasCommand: (command) => is(command, "command"),
    hasEvent: (event) => is(event, "event"),
    hasArgument: (command, path) => resolve(command, path).length > 0,
    hasArgumentValue: (command, path, value) =>
      resolve(command, path).some((type) =>
        shapes(byName, type).some((entry) => entry.values?.includes(value) ?? false),
      ),
  };
}

/** The types that a member of this name has in any variant of an object; looks through arrays and alternates. */
function memberTypes(byName: ReadonlyMap<string, Entry>, type: string, name: string): string[] {
  return shapes(byName, type).flatMap((entry) => [
    ...(entry.members ?? []).flatMap((member) =>
      member.name === name && member.type !== undefined ? [member.type] : [],
    ),
    ...(entry.variants ?? []).flatMap((variant) => memberTypes(byName, variant.type, name)),
  ]);
}

function shapes(byName: ReadonlyMap<string, Entry>, type: string): Entry[] {
  const entry = byName.get(type);
  switch (entry?.["meta-type"]) {
    case undefined:
      return [];
    case "array":
      return shapes(byName, entry?.["element-type"] ?? "");
    case "alternate":
      return (entry?.members ?? []).flatMap((member) => shapes(byName, member.type ?? ""));
    default:
      return entry === undefined ? [] : [entry];
  }
}
