import { writeSync } from "node:fs";

const levels = { debug: 20, info: 30, warn: 40, error: 50, silent: Number.POSITIVE_INFINITY } as const;
type Level = Exclude<keyof typeof levels, "silent">;
type Fields = Readonly<Record<string, unknown>>;
type Write = { (fields: Fields, message: string): void; (message: string): void };

export type Logger = Record<Level, Write>;

/** Structured log on stderr, a JSON object per line. Secrets must not reach it: fields with these names are removed. */
export function createLogger(name: string, level = process.env["SERAI_LOG"] ?? "info"): Logger {
  const threshold = Object.hasOwn(levels, level) ? levels[level as Level] : levels.info;
  const writer = (weight: number): Write => {
    if (weight < threshold) return () => {};
    return (first: Fields | string, second?: string) => {
      const [fields, msg] = typeof first === "string" ? [{}, first] : [first, second];
      write(lineOf({ level: weight, time: Date.now(), pid: process.pid, name, ...fields, msg }));
    };
  };
  return {
    debug: writer(levels.debug),
    info: writer(levels.info),
    warn: writer(levels.warn),
    error: writer(levels.error),
  };
}

const secretNames = new Set(["token", "password", "secret"]);

const plain = (key: string, value: unknown): unknown => {
  if (secretNames.has(key)) return undefined;
  if (value instanceof Error) return { type: value.name, message: value.message, stack: value.stack };
  return typeof value === "bigint" ? String(value) : value;
};

function lineOf(entry: Fields): string {
  try {
    return `${JSON.stringify(entry, plain)}\n`;
  } catch {
    return `${JSON.stringify({ level: entry["level"], time: entry["time"], msg: entry["msg"] })}\n`; // its fields are a circle
  }
}

function write(line: string): void {
  try {
    writeSync(2, line);
  } catch {
    // nobody reads our words, or reads them too slowly: work goes on
  }
}
