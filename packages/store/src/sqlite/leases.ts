/** When each lease ends, in milliseconds of the monotonic clock. */
export class Leases {
  readonly #held = new Map<number, { ttlMs: number; endsAtMs: number }>();

  has(id: number): boolean {
    return this.#held.has(id);
  }

  /** Starts or renews a lease. */
  start(id: number, ttlMs: number): void {
    this.#held.set(id, { ttlMs, endsAtMs: performance.now() + ttlMs });
  }

  /** False when there is no such lease. */
  renew(id: number): boolean {
    const lease = this.#held.get(id);
    if (lease !== undefined) this.start(id, lease.ttlMs);
    return lease !== undefined;
  }

  end(id: number): void {
    this.#held.delete(id);
  }

  /** Takes over what is stored. What is known already keeps its time; the rest gets a full one, as in etcd. */
  reload(stored: readonly { id: number; ttlMs: number }[]): void {
    const before = new Map(this.#held);
    this.#held.clear();
    for (const { id, ttlMs } of stored) {
      const known = before.get(id);
      if (known === undefined) this.start(id, ttlMs);
      else this.#held.set(id, known);
    }
  }

  due(): number[] {
    const nowMs = performance.now();
    return [...this.#held].filter(([, lease]) => lease.endsAtMs <= nowMs).map(([id]) => id);
  }

  /** Milliseconds until the next one ends; undefined without leases. */
  msToNext(): number | undefined {
    let next = Number.POSITIVE_INFINITY;
    for (const lease of this.#held.values()) next = Math.min(next, lease.endsAtMs);
    return next === Number.POSITIVE_INFINITY ? undefined : Math.max(0, next - performance.now());
  }
}
