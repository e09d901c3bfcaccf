import { Fault } from "@serai/kit/fault";
import type { Rate } from "./limits.ts";

type Bucket = { tokens: number; atMs: number };

/** Token buckets by key. Bounded: full buckets are forgotten first, then the oldest. */
export type RateLimiter = {
  /** Takes one token; throws `request.too_many` when there is none. */
  take(key: string): void;
};

const maxBuckets = 10_000;

export function createRateLimiter(rate: Rate, nowMs: () => number): RateLimiter {
  const buckets = new Map<string, Bucket>();

  const forgetSome = (now: number) => {
    for (const [key, { tokens, atMs }] of buckets) {
      if (tokens + ((now - atMs) / 1000) * rate.perSecond >= rate.burst) buckets.delete(key);
    }
    for (const key of buckets.keys()) {
      if (buckets.size < maxBuckets) break;
      buckets.delete(key);
    }
  };

  return {
    take(key) {
      const now = nowMs();
      let bucket = buckets.get(key);
      if (bucket === undefined) {
        if (buckets.size >= maxBuckets) forgetSome(now);
        bucket = { tokens: rate.burst, atMs: now };
        buckets.set(key, bucket);
      }
      bucket.tokens = Math.min(rate.burst, bucket.tokens + ((now - bucket.atMs) / 1000) * rate.perSecond);
      bucket.atMs = now;
      if (bucket.tokens < 1) {
        const retryAfterSeconds = Math.max(1, Math.ceil((1 - bucket.tokens) / rate.perSecond));
        throw new Fault("request.too_many", `Too many requests; wait ${retryAfterSeconds} s and try again.`, {
          details: { retryAfterSeconds },
        });
      }
      bucket.tokens -= 1;
    },
  };
}

/** The network an address counts as: IPv6 hosts own a /64. */
export function networkOf(address: string | undefined): string {
  if (address === undefined) return "local";
  const plain = address.startsWith("::ffff:") ? address.slice(7) : address;
  if (!plain.includes(":")) return plain;
  const [head = "", tail] = plain.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const missing = tail === undefined ? 0 : 8 - left.length - right.length;
  return [...left, ...Array.from({ length: missing }, () => "0"), ...right].slice(0, 4).join(":");
}
