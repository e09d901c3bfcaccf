import type { IncomingMessage } from "node:http";
import { Fault } from "@serai/kit/fault";
import type { Limits } from "./limits.ts";

type JsonLimits = Pick<Limits, "jsonBodyBytes" | "jsonDepth" | "jsonBodyMs">;

/** Receives and parses a JSON body within its bounds; undefined for an empty one. */
export async function readJsonBody(request: IncomingMessage, limits: JsonLimits): Promise<unknown> {
  const bytes = await receive(request, limits);
  if (bytes.length === 0) return undefined;
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw malformed("The body is not UTF-8 text; send JSON in UTF-8.");
  }
  return parseJson(text, limits.jsonDepth);
}

function receive(request: IncomingMessage, limits: JsonLimits): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const tooLarge = () =>
      new Fault(
        "request.too_large",
        `The body is larger than ${limits.jsonBodyBytes} bytes; send less, or upload it as an image.`,
        {
          details: { limitBytes: limits.jsonBodyBytes },
        },
      );
    if (Number(request.headers["content-length"] ?? 0) > limits.jsonBodyBytes) return reject(tooLarge());
    const chunks: Buffer[] = [];
    let length = 0;
    const stop = (error: Error) => {
      clearTimeout(timer);
      request.off("data", onData).off("end", onEnd).off("error", stop).off("aborted", onAborted);
      request.pause();
      reject(error);
    };
    const onAborted = () =>
      stop(
        new Fault("request.cancelled", "The client closed the connection before the request was complete."),
      );
    const onData = (chunk: Buffer) => {
      length += chunk.length;
      if (length > limits.jsonBodyBytes) stop(tooLarge());
      else chunks.push(chunk);
    };
    const onEnd = () => {
      clearTimeout(timer);
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
    };
    const timer = setTimeout(
      () =>
        stop(
          new Fault(
            "request.timeout",
            `The body did not arrive within ${limits.jsonBodyMs} ms; send it faster or in one piece.`,
          ),
        ),
      limits.jsonBodyMs,
    );
    request.on("data", onData).on("end", onEnd).on("error", stop).on("aborted", onAborted);
  });
}

/** Parses JSON; refuses what two readers could understand in two ways, and what would pollute a prototype. */
export function parseJson(text: string, maxDepth: number): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const at = /position (\d+)/.exec((error as Error).message)?.[1];
    throw malformed(
      `The body is not JSON${at === undefined ? "" : ` (the error is at character ${at})`}; correct it and send it again.`,
    );
  }
  const members = countMembers(value, maxDepth, 0);
  if (members !== countColons(text))
    throw malformed("The body has the same field twice in one object; send each field once.");
  return value;
}

const hostileKeys = new Set(["__proto__", "constructor", "prototype"]);

function countMembers(value: unknown, maxDepth: number, depth: number): number {
  if (typeof value !== "object" || value === null) return 0;
  if (depth >= maxDepth)
    throw malformed(`The body is nested more than ${maxDepth} levels deep; send it flatter.`);
  let members = 0;
  if (Array.isArray(value)) {
    for (const item of value) members += countMembers(item, maxDepth, depth + 1);
    return members;
  }
  for (const key of Object.keys(value)) {
    if (hostileKeys.has(key))
      throw malformed(`The body has a field named ${key}, which is never allowed; leave it out.`);
    members += 1 + countMembers((value as Record<string, unknown>)[key], maxDepth, depth + 1);
  }
  return members;
}

/** Colons outside strings: exactly one per member of an object. */
function countColons(text: string): number {
  let colons = 0;
  let isInString = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) isInString = !isInString;
    else if (code === 0x5c) at++; // a backslash is only legal inside a string, and escapes one character
    else if (code === 0x3a && !isInString) colons++;
  }
  return colons;
}

const malformed = (message: string) => new Fault("request.malformed", message);
