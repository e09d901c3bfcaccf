import { XMLParser } from "fast-xml-parser";
import { unreadable } from "../formats/refusal.ts";

/** One element: attributes and children by local name, prefixes dropped. */
export type XmlElement = {
  name: string;
  attributes: ReadonlyMap<string, string>;
  children: XmlElement[];
  text: string;
};

const maxBytes = 2 * 1024 * 1024;
const maxDepth = 64;

/**
 * Reads an XML document without entities of its own: a document type is refused, so nothing in it can expand
 * or name another file.
 */
export function readXml(bytes: Uint8Array): XmlElement {
  if (bytes.byteLength > maxBytes) throw unreadable("Its description is far too long.");
  const text = decode(bytes);
  if (/<!\s*(DOCTYPE|ENTITY)/i.test(text))
    throw unreadable("Its description declares a document type, which is not read.");
  const parser = new XMLParser({
    preserveOrder: true,
    ignoreAttributes: false,
    attributeNamePrefix: "",
    removeNSPrefix: true,
    processEntities: false,
    parseTagValue: false,
    parseAttributeValue: false,
    ignoreDeclaration: true,
    ignorePiTags: true,
    maxNestedTags: maxDepth,
  });
  const nodes = parse(parser, text);
  const root = nodes.map(elementOf).find((element) => element !== undefined);
  if (root === undefined) throw unreadable("Its description is not XML.");
  return root;
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw Object.assign(unreadable("Its description is not UTF-8."), { cause: error });
  }
}

type Node = Record<string, unknown>;

function parse(parser: XMLParser, text: string): Node[] {
  try {
    return parser.parse(text, true) as Node[];
  } catch (error) {
    throw Object.assign(unreadable("Its description is not well-formed XML."), { cause: error });
  }
}

function elementOf(node: Node): XmlElement | undefined {
  const name = Object.keys(node).find((key) => key !== ":@" && key !== "#text");
  if (name === undefined) return undefined;
  const inner = (node[name] ?? []) as Node[];
  const attributes = Object.entries((node[":@"] ?? {}) as Record<string, unknown>);
  return {
    name,
    attributes: new Map(attributes.map(([key, value]) => [key, unescape(String(value))])),
    children: inner.map(elementOf).filter((element) => element !== undefined),
    text: unescape(inner.map((child) => ("#text" in child ? String(child["#text"]) : "")).join("")).trim(),
  };
}

const named: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** The five entities that XML has of its own, and numbers. */
function unescape(text: string): string {
  return text.replace(/&(#x[0-9a-f]{1,6}|#[0-9]{1,7}|[a-z]{2,4});/gi, (whole, entity: string) => {
    if (!entity.startsWith("#")) return named[entity] ?? whole;
    const code =
      entity[1] === "x" || entity[1] === "X" ? Number.parseInt(entity.slice(2), 16) : Number(entity.slice(1));
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

/** The first child of that name. */
export const child = (element: XmlElement | undefined, name: string): XmlElement | undefined =>
  element?.children.find((candidate) => candidate.name === name);

export const children = (element: XmlElement | undefined, name: string): XmlElement[] =>
  element?.children.filter((candidate) => candidate.name === name) ?? [];

/** The text of the first child of that name; empty when there is none. */
export const textOf = (element: XmlElement | undefined, name: string): string =>
  child(element, name)?.text ?? "";
