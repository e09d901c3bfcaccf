const words: Readonly<Record<string, number>> = {
  "": 1,
  byte: 1,
  bytes: 1,
  kb: 2 ** 10,
  kilobytes: 2 ** 10,
  mb: 2 ** 20,
  megabytes: 2 ** 20,
  gb: 2 ** 30,
  gigabytes: 2 ** 30,
  tb: 2 ** 40,
  terabytes: 2 ** 40,
};

/** Bytes of one unit as OVF writes it: "byte * 2^20", "byte * 512", "MegaBytes"; undefined for what is none. */
export function bytesPerUnit(unit: string): number | undefined {
  const text = unit.trim().toLowerCase();
  if (Object.hasOwn(words, text)) return words[text];
  const match = /^bytes?((?:\s*\*\s*[0-9]{1,6}(?:\s*\^\s*[0-9]{1,2})?)+)$/.exec(text);
  if (match === null) return undefined;
  let bytes = 1;
  for (const factor of (match[1] as string).split("*").slice(1)) {
    const [base = "1", power = "1"] = factor.split("^").map((part) => part.trim());
    bytes *= Number(base) ** Number(power);
  }
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined;
}
