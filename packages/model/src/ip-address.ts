/** An address as a number, so that ranges are comparisons. */
export type IpAddress = { family: 4 | 6; value: bigint };

/** A subnet: its first address and how many bits of it are fixed. */
export type Cidr = { family: 4 | 6; first: bigint; prefix: number };

const bits = { 4: 32, 6: 128 } as const;

/** Reads an IPv4 or IPv6 address; undefined for anything else, also for other spellings of IPv4 such as 127.1. */
export function parseAddress(text: string): IpAddress | undefined {
  const value = text.includes(":") ? parse6(text) : parse4(text);
  return value === undefined ? undefined : { family: text.includes(":") ? 6 : 4, value };
}

/** The one spelling we use: dotted for IPv4; lower case, longest run of zeros shortened for IPv6. */
export function formatAddress({ family, value }: IpAddress): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join(".");
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16),
  );
  const { start, length } = longestZeroRun(groups);
  if (length < 2) return groups.join(":");
  return `${groups.slice(0, start).join(":")}::${groups.slice(start + length).join(":")}`;
}

/** Reads `10.0.0.0/24` or `fd00::/64`; undefined when it is neither, or has bits set behind the prefix. */
export function parseCidr(text: string): Cidr | undefined {
  const [, address, prefixText] = /^([^/]+)\/(0|[1-9][0-9]{0,2})$/.exec(text) ?? [];
  const parsed = parseAddress(address ?? "");
  const prefix = Number(prefixText);
  if (parsed === undefined || prefix > bits[parsed.family]) return undefined;
  const cidr = { family: parsed.family, first: parsed.value, prefix };
  return parsed.value % sizeOf(cidr) === 0n ? cidr : undefined;
}

/** How many addresses a subnet has. */
export const sizeOf = ({ family, prefix }: Pick<Cidr, "family" | "prefix">): bigint =>
  1n << BigInt(bits[family] - prefix);

export const lastOf = (cidr: Cidr): bigint => cidr.first + sizeOf(cidr) - 1n;

export const contains = (cidr: Cidr, { family, value }: IpAddress): boolean =>
  family === cidr.family && value >= cidr.first && value <= lastOf(cidr);

export const overlap = (a: Cidr, b: Cidr): boolean =>
  a.family === b.family && a.first <= lastOf(b) && b.first <= lastOf(a);

/** The address that a guest gives itself in a /64 (EUI-64): known before the guest has started. */
export function addressFromMac(prefix: Cidr, mac: string): IpAddress {
  const octets = mac.split(":").map((octet) => BigInt(`0x${octet}`));
  const [a = 0n, b = 0n, c = 0n, d = 0n, e = 0n, f = 0n] = octets;
  const parts = [a ^ 2n, b, c, 0xffn, 0xfen, d, e, f];
  return { family: 6, value: prefix.first + parts.reduce((value, part) => (value << 8n) | part, 0n) };
}

function parse4(text: string): bigint | undefined {
  const octets = text.split(".");
  if (octets.length !== 4) return undefined;
  let value = 0n;
  for (const octet of octets) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(octet) || Number(octet) > 255) return undefined;
    value = (value << 8n) | BigInt(octet);
  }
  return value;
}

function parse6(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [left = [], right = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const missing = 8 - left.length - right.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  let value = 0n;
  for (const group of [...left, ...Array<string>(missing).fill("0"), ...right]) {
    if (!/^[0-9a-f]{1,4}$/i.test(group)) return undefined;
    value = (value << 16n) | BigInt(`0x${group}`);
  }
  return value;
}

function longestZeroRun(groups: string[]): { start: number; length: number } {
  let longest = { start: 0, length: 0 };
  let length = 0;
  groups.forEach((group, index) => {
    length = group === "0" ? length + 1 : 0;
    if (length > longest.length) longest = { start: index - length + 1, length };
  });
  return longest;
}
