import { randomBytes } from "node:crypto";

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"; // Crockford: no i, l, o, u

/** A fresh id such as `vm-3k9d0xq2m7ap`: 60 random bits, easy to read aloud, safe in a file name. */
export function newId(prefix: string): string {
  const bytes = randomBytes(12);
  let text = "";
  for (const byte of bytes) text += alphabet[byte & 31];
  return `${prefix}-${text}`;
}
