import type { Static, TSchema } from "typebox";

/** One place where a value is not as its schema says; `schemaPath` and `instancePath` are JSON pointers. */
export type SchemaIssue = {
  keyword: string;
  schemaPath: string;
  instancePath: string;
  params: Readonly<Record<string, unknown>>;
  message: string;
};

export type SchemaCheck<T = unknown> = {
  matches(value: unknown): value is T;
  /** Everything that is wrong; empty exactly when it matches. */
  issues(value: unknown): SchemaIssue[];
};

/** False when the value breaks the rule. Without `found` nobody asks why, and the first breach is enough. */
type Rule = (value: unknown, at: string, found: SchemaIssue[] | undefined) => boolean;
type Node = Readonly<Record<string, unknown>>;
type RuleMaker = (operand: never, node: Node, path: string) => Rule;

/** Makes the check of one schema. Throws on a keyword it does not know: a rule nobody enforces is no rule. */
export function schemaCheck<S extends TSchema>(schema: S): SchemaCheck<Static<S>> {
  const rule = ruleOf(schema as Node, "#");
  return {
    matches: (value): value is Static<S> => rule(value, "", undefined),
    issues: (value) => {
      const found: SchemaIssue[] = [];
      rule(value, "", found);
      return found;
    },
  };
}

/** They explain, and forbid nothing. */
const annotations = new Set(["description", "$id"]);

function ruleOf(node: Node, path: string): Rule {
  const rules = Object.entries(node)
    .filter(([keyword]) => !annotations.has(keyword))
    .map(([keyword, operand]) => {
      const make = Object.hasOwn(makers, keyword) ? makers[keyword] : undefined;
      if (make === undefined)
        throw new Error(`the schema at ${path} has the keyword ${keyword}, which is not checked`);
      return make(operand as never, node, path);
    });
  return every(rules);
}

function every(rules: readonly Rule[]): Rule {
  if (rules.length === 1 && rules[0] !== undefined) return rules[0];
  return (value, at, found) => {
    let isGood = true;
    for (const rule of rules) {
      if (rule(value, at, found)) continue;
      if (found === undefined) return false;
      isGood = false;
    }
    return isGood;
  };
}

const escape = (key: string): string => key.replaceAll("~", "~0").replaceAll("/", "~1");

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const types: Readonly<Record<string, (value: unknown) => boolean>> = {
  array: Array.isArray,
  boolean: (value) => typeof value === "boolean",
  integer: Number.isInteger,
  number: Number.isFinite,
  object: isObject,
  string: (value) => typeof value === "string",
};

type Leaf = { keyword: string; isBroken: (value: unknown) => boolean; message: string; params?: Node };

function leaf({ keyword, isBroken, message, params = {} }: Leaf, schemaPath: string): Rule {
  return (value, instancePath, found) => {
    if (!isBroken(value)) return true;
    found?.push({ keyword, schemaPath, instancePath, params, message });
    return false;
  };
}

/** Characters as people count them, not the halves that surrogate pairs are made of. */
const lengthOf = (text: string): number => {
  let length = 0;
  for (const _ of text) length++;
  return length;
};

const ofText = (isBroken: (text: string) => boolean) => (value: unknown) =>
  typeof value === "string" && isBroken(value);
const ofNumber = (isBroken: (number: number) => boolean) => (value: unknown) =>
  typeof value === "number" && isBroken(value);
const ofItems = (isBroken: (count: number) => boolean) => (value: unknown) =>
  Array.isArray(value) && isBroken(value.length);
const ofFields = (isBroken: (count: number) => boolean) => (value: unknown) =>
  isObject(value) && isBroken(Object.keys(value).length);

type Bound = [word: string, isBroken: (limit: number) => (value: unknown) => boolean];
const bounds: Readonly<Record<string, Bound>> = {
  minLength: ["must not have fewer than # characters", (limit) => ofText((text) => lengthOf(text) < limit)],
  maxLength: [
    "must not have more than # characters",
    (limit) => ofText((text) => text.length > limit && lengthOf(text) > limit),
  ],
  minimum: ["must be >= #", (limit) => ofNumber((number) => number < limit)],
  maximum: ["must be <= #", (limit) => ofNumber((number) => number > limit)],
  multipleOf: ["must be multiple of #", (limit) => ofNumber((number) => number % limit !== 0)],
  minItems: ["must not have fewer than # items", (limit) => ofItems((count) => count < limit)],
  maxItems: ["must not have more than # items", (limit) => ofItems((count) => count > limit)],
  minProperties: ["must not have fewer than # properties", (limit) => ofFields((count) => count < limit)],
  maxProperties: ["must not have more than # properties", (limit) => ofFields((count) => count > limit)],
};

const boundMakers = Object.fromEntries(
  Object.entries(bounds).map(([keyword, [words, isBroken]]): [string, RuleMaker] => [
    keyword,
    (limit: number, _node, path) =>
      leaf(
        { keyword, isBroken: isBroken(limit), message: words.replace("#", String(limit)), params: { limit } },
        path,
      ),
  ]),
);

const makers: Readonly<Record<string, RuleMaker>> = {
  ...boundMakers,
  type(type: string, _node, path) {
    const isType = types[type];
    if (isType === undefined)
      throw new Error(`the schema at ${path} has the type ${type}, which is not checked`);
    return leaf(
      { keyword: "type", isBroken: (value) => !isType(value), message: `must be ${type}`, params: { type } },
      path,
    );
  },
  const: (allowedValue: unknown, _node, path) =>
    leaf(
      {
        keyword: "const",
        isBroken: (value) => value !== allowedValue,
        message: "must be equal to constant",
        params: { allowedValue },
      },
      path,
    ),
  pattern(pattern: string, _node, path) {
    const expression = new RegExp(pattern, "u");
    const isBroken = ofText((text) => !expression.test(text));
    return leaf(
      { keyword: "pattern", isBroken, message: `must match pattern ${pattern}`, params: { pattern } },
      path,
    );
  },
  required: (required: string[], _node, schemaPath) => (value, instancePath, found) => {
    if (!isObject(value)) return true;
    const missing = required.filter((key) => !Object.hasOwn(value, key));
    if (missing.length === 0) return true;
    const params = { requiredProperties: missing };
    const message = `must have required properties ${missing.join(", ")}`;
    found?.push({ keyword: "required", schemaPath, instancePath, params, message });
    return false;
  },
  properties(properties: Record<string, Node>, _node, path) {
    const fields = Object.entries(properties).map(([key, node]) => ({
      key,
      rule: ruleOf(node, `${path}/properties/${escape(key)}`),
    }));
    return (value, at, found) => {
      if (!isObject(value)) return true;
      let isGood = true;
      for (const { key, rule } of fields) {
        if (
          !Object.hasOwn(value, key) ||
          rule(value[key], found === undefined ? at : `${at}/${escape(key)}`, found)
        )
          continue;
        if (found === undefined) return false;
        isGood = false;
      }
      return isGood;
    };
  },
  patternProperties(patterns: Record<string, Node>, _node, path) {
    const fields = Object.entries(patterns).map(([pattern, node]) => ({
      expression: new RegExp(pattern, "u"),
      rule: ruleOf(node, `${path}/patternProperties/${escape(pattern)}`),
    }));
    return (value, at, found) => {
      if (!isObject(value)) return true;
      let isGood = true;
      for (const key of Object.keys(value)) {
        for (const { expression, rule } of fields) {
          if (expression.test(key) && !rule(value[key], `${at}/${escape(key)}`, found)) isGood = false;
        }
      }
      return isGood;
    };
  },
  additionalProperties(isAllowed: boolean, node, schemaPath) {
    if (isAllowed === true) return () => true;
    if (isAllowed !== false)
      throw new Error(`the schema at ${schemaPath} describes further properties, which is not checked`);
    const known = new Set(Object.keys((node["properties"] ?? {}) as Node));
    const patterns = Object.keys((node["patternProperties"] ?? {}) as Node).map(
      (one) => new RegExp(one, "u"),
    );
    return (value, instancePath, found) => {
      if (!isObject(value)) return true;
      const isKnown = (key: string) => known.has(key) || patterns.some((one) => one.test(key));
      const additionalProperties = Object.keys(value).filter((key) => !isKnown(key));
      if (additionalProperties.length === 0) return true;
      const message = "must not have additional properties";
      const params = { additionalProperties };
      found?.push({ keyword: "additionalProperties", schemaPath, instancePath, params, message });
      return false;
    };
  },
  items(items: Node, _node, path) {
    const rule = ruleOf(items, `${path}/items`);
    return (value, at, found) => {
      if (!Array.isArray(value)) return true;
      let isGood = true;
      for (const [index, item] of value.entries()) {
        if (rule(item, `${at}/${index}`, found)) continue;
        if (found === undefined) return false;
        isGood = false;
      }
      return isGood;
    };
  },
  anyOf(branches: Node[], _node, schemaPath) {
    const rules = branches.map((node, index) => ruleOf(node, `${schemaPath}/anyOf/${index}`));
    return (value, instancePath, found) => {
      if (rules.some((rule) => rule(value, instancePath, undefined))) return true;
      if (found === undefined) return false;
      for (const rule of rules) rule(value, instancePath, found);
      found.push({
        keyword: "anyOf",
        schemaPath,
        instancePath,
        params: {},
        message: "must match a schema in anyOf",
      });
      return false;
    };
  },
  allOf: (branches: Node[], _node, path) =>
    every(branches.map((node, index) => ruleOf(node, `${path}/allOf/${index}`))),
};
