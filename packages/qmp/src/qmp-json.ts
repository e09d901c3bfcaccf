/**
 * QMP's integers are 64 bits wide and JavaScript's numbers are not. An integer beyond 2^53 is read as a `bigint`,
 * never rounded, although its generated type says `number`: arithmetic with it throws instead of lying.
 * A `bigint` in an argument is written as a plain integer.
 */
export function parseQmpJson(text: string): unknown {
  // The reviver costs ten times the parse, and almost no message has sixteen digits in a row.
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_key, value: unknown, context?: { source?: string }) => {
    if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
    const source = context?.source ?? "";
    return /^-?\d+$/.test(source) ? BigInt(source) : value;
  });
}

// TypeScript's library does not know it yet.
const { rawJSON } = JSON as unknown as { rawJSON: (text: string) => unknown };

export function stringifyQmpJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    typeof member === "bigint" ? rawJSON(member.toString()) : member,
  );
}
