import type { Bandwidth } from "@serai/model/network";

export type ShapeInput = {
  tap: string;
  shaper: string;
  bandwidth: Bandwidth;
  /** What is there already. */
  hasShaper: boolean;
};

/** A packet of a guest may hold 64 KiB before it is cut: a bucket must hold one, and some milliseconds of traffic. */
function bucket(bitsPerSecond: number): string {
  const bytes = Math.max(128 * 1024, Math.ceil(bitsPerSecond / 8 / 200));
  return `rate ${bitsPerSecond}bit burst ${bytes} latency 50ms`;
}

/**
 * Commands that limit a NIC. What the guest receives queues on its tap; what it sends goes through an interface of its
 * own first, because an interface can only queue what leaves it.
 */
export function shapeLines({ tap, shaper, bandwidth, hasShaper }: ShapeInput): {
  ip: string[];
  tc: string[];
} {
  const { inBitsPerSecond: into, outBitsPerSecond: outOf } = bandwidth;
  const tc: string[] = [];
  if (into !== undefined) tc.push(`qdisc replace dev ${tap} root tbf ${bucket(into)}`);
  if (outOf === undefined) return { ip: hasShaper ? [`link del dev ${shaper}`] : [], tc };
  const ip = hasShaper ? [] : [`link add name ${shaper} type ifb`, `link set dev ${shaper} up`];
  tc.push(`qdisc replace dev ${shaper} root tbf ${bucket(outOf)}`);
  return { ip, tc };
}

/** Sends what the guest says through its shaper. */
export const redirectLines = (tap: string, shaper: string): string[] => [
  `qdisc add dev ${tap} handle ffff: ingress`,
  `filter add dev ${tap} parent ffff: protocol all u32 match u32 0 0 action mirred egress redirect dev ${shaper}`,
];
