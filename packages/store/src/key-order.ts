/**
 * The smallest text after every text with this prefix, in code point order (which is the byte order of UTF-8,
 * SQLite's and etcd's); undefined when there is none.
 */
export function prefixEnd(prefix: string): string | undefined {
  const points = Array.from(prefix);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    const point = last.codePointAt(0) as number;
    if (point === 0x10ffff) continue;
    const next = point === 0xd7ff ? 0xe000 : point + 1; // surrogates are no characters
    return points.join("") + String.fromCodePoint(next);
  }
  return undefined;
}

/** Orders keys as both adapters do; JavaScript's own order differs beyond U+D7FF. */
export function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
