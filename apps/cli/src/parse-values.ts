import { Fault } from "@serai/kit/fault";

const factors: Readonly<Record<string, number>> = {
  "": 1024 ** 2,
  K: 1024,
  M: 1024 ** 2,
  G: 1024 ** 3,
  T: 1024 ** 4,
};

/** "512", "512M", "2G", "1.5GiB" → bytes. A bare number is MiB. */
export function parseSize(text: string, what: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?$/i.exec(text.trim());
  const factor = factors[match?.[2]?.toUpperCase() ?? "?"];
  if (match === null || factor === undefined) {
    throw new Fault("request.malformed", `${what} must be a size such as 512M or 2G, not "${text}".`);
  }
  return Math.round(Number(match[1]) * factor);
}

export function parseWhole(text: string, what: string, minimum: number, maximum: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text.trim()) || value < minimum || value > maximum) {
    throw new Fault(
      "request.malformed",
      `${what} must be a whole number from ${minimum} to ${maximum}, not "${text}".`,
    );
  }
  return value;
}

/** "key=value" pairs. */
export function parseLabels(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf("=");
      if (at < 1) throw new Fault("request.malformed", `A label is written key=value, not "${pair}".`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

/** "tcp:8080:80" or "8080:80" → a port of the host's loopback and one of the guest. */
export function parseForward(text: string): { protocol: "tcp" | "udp"; hostPort: number; guestPort: number } {
  const match = /^(?:(tcp|udp):)?(\d+):(\d+)$/.exec(text);
  if (match === null) {
    throw new Fault(
      "request.malformed",
      `A port forward is written [tcp|udp:]HOSTPORT:GUESTPORT, not "${text}".`,
    );
  }
  return {
    protocol: match[1] === "udp" ? "udp" : "tcp",
    hostPort: parseWhole(match[2] ?? "", "The host's port", 1, 65_535),
    guestPort: parseWhole(match[3] ?? "", "The guest's port", 1, 65_535),
  };
}

/** "data:10G", "data:10G:nvme" or "cd:image=NAME" → a disk of a spec. */
export function parseDisk(text: string): { name: string; sizeBytes?: number; image?: string; bus?: never } {
  const [name = "", ...rest] = text.split(":");
  const disk: Record<string, unknown> = { name };
  for (const part of rest) {
    if (part.startsWith("image=")) disk["image"] = part.slice("image=".length);
    else if (part === "ro") disk["isReadOnly"] = true;
    else if (/^[a-z]/.test(part)) disk["bus"] = part;
    else disk["sizeBytes"] = parseSize(part, `The size of disk ${name}`);
  }
  return disk as ReturnType<typeof parseDisk>; // the server checks the rest and names the field
}
