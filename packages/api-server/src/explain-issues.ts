import type { SchemaIssue as RawIssue } from "@serai/model/schema-check";
import type { TSchema } from "typebox";

/** One thing that is wrong with a request; `path` is where, `allowed` what would be right. */
export type Issue = { path: string; problem: string; allowed?: string };

const maxIssues = 10;

/** Says in words what a value has wrong against its schema. `where` names the part: body, query. */
export function explainIssues(schema: TSchema, raw: readonly RawIssue[], where: string): Issue[] {
  const found = new Map<string, Issue>();
  const kept = keepNearestBranch(raw);
  for (const issue of kept) {
    if (issue.keyword === "anyOf" || issue.keyword === "const") continue;
    for (const one of explain(schema, issue, where)) if (!found.has(one.path)) found.set(one.path, one);
  }
  for (const [path, allowed] of literalChoices(kept)) {
    const shown = fieldName(where, path);
    if (!found.has(shown))
      found.set(shown, {
        path: shown,
        problem: "is not one of the allowed values",
        allowed: allowed.join(", "),
      });
  }
  return [...found.values()].slice(0, maxIssues);
}

/** One sentence for people. */
export function sentenceOf(issues: readonly Issue[]): string {
  const [first, ...others] = issues;
  if (first === undefined)
    return "The request does not have the right form; see the API's documentation at /docs.";
  const more = others.length === 0 ? "" : ` (and ${others.length} more, see details)`;
  const allowed = first.allowed === undefined ? "" : `; allowed: ${first.allowed}`;
  return `${first.path} ${first.problem}${allowed}${more}; correct it and send the request again.`;
}

/** `disks[0].bus` out of `/disks/0/bus`. */
function fieldName(where: string, pointer: string): string {
  const parts = pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~").slice(0, 64));
  let text = "";
  for (const part of parts) text += /^\d+$/.test(part) ? `[${part}]` : text === "" ? part : `.${part}`;
  return text === "" ? where : where === "body" ? text : `${where} ${text}`;
}

function explain(schema: TSchema, issue: RawIssue, where: string): Issue[] {
  const { params } = issue;
  const at = (path: string, problem: string, allowed?: string): Issue => ({
    path: fieldName(where, path),
    problem,
    ...(allowed !== undefined && { allowed }),
  });
  switch (issue.keyword) {
    case "additionalProperties":
      return (params["additionalProperties"] as string[]).map((key) =>
        at(`${issue.instancePath}/${escape(key)}`, "is unknown here", knownFields(schema, issue.schemaPath)),
      );
    case "required":
      return (params["requiredProperties"] as string[]).map((key) =>
        at(`${issue.instancePath}/${escape(key)}`, "is missing"),
      );
    case "type":
      return [at(issue.instancePath, `must be ${article(String(params["type"]))}`)];
    case "pattern":
      return [
        at(
          issue.instancePath,
          "has a form that is not allowed",
          String(schemaAt(schema, issue.schemaPath)?.["description"] ?? params["pattern"]),
        ),
      ];
    default:
      return [at(issue.instancePath, issue.message)];
  }
}

const escape = (key: string): string => key.replaceAll("~", "~0").replaceAll("/", "~1");
const article = (type: string): string => (/^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`);

function knownFields(schema: TSchema, path: string): string | undefined {
  const properties = schemaAt(schema, path)?.["properties"];
  return typeof properties === "object" && properties !== null
    ? Object.keys(properties).join(", ")
    : undefined;
}

function schemaAt(schema: TSchema, path: string): Record<string, unknown> | undefined {
  let at: unknown = schema;
  for (const part of path.split("/").slice(1)) {
    at =
      typeof at === "object" && at !== null
        ? (at as Record<string, unknown>)[part.replaceAll("~1", "/").replaceAll("~0", "~")]
        : undefined;
  }
  return typeof at === "object" && at !== null ? (at as Record<string, unknown>) : undefined;
}

/** The literals that a union allows at one place. */
function literalChoices(raw: readonly RawIssue[]): Map<string, string[]> {
  const choices = new Map<string, string[]>();
  for (const issue of raw) {
    if (issue.keyword !== "const") continue;
    const allowed = JSON.stringify((issue.params as { allowedValue: unknown }).allowedValue);
    const list = choices.get(issue.instancePath) ?? [];
    if (!list.includes(allowed)) list.push(allowed);
    choices.set(issue.instancePath, list);
  }
  return choices;
}

/** Of a union of objects told apart by a literal such as `kind`, keeps the branch whose literal fits. */
function keepNearestBranch(raw: readonly RawIssue[]): readonly RawIssue[] {
  const branchOf = (issue: RawIssue) => /^(.*\/anyOf)\/(\d+)(\/.*)?$/.exec(issue.schemaPath);
  const misfits = new Set<string>();
  const branches = new Map<string, Set<string>>();
  for (const issue of raw) {
    const match = branchOf(issue);
    if (match === null) continue;
    const union = match[1] ?? "";
    const branch = `${union}/${match[2]}`;
    (branches.get(union) ?? branches.set(union, new Set()).get(union))?.add(branch);
    if (issue.keyword === "const" && match[3]?.startsWith("/properties/") === true) misfits.add(branch);
  }
  return raw.filter((issue) => {
    const match = branchOf(issue);
    if (match === null) return true;
    const all = [...(branches.get(match[1] ?? "") ?? [])];
    const isOneLeft = all.some((branch) => !misfits.has(branch));
    const branch = `${match[1]}/${match[2]}`;
    if (isOneLeft) return !misfits.has(branch);
    // No branch fits: only the literal itself is wrong; the other fields cannot be judged.
    return misfits.size === 0 || !all.some((one) => misfits.has(one)) || issue.keyword === "const";
  });
}
