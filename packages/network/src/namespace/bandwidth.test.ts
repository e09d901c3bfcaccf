import assert from "node:assert/strict";
import { test } from "node:test";
import { shapeLines } from "./bandwidth.ts";

const place = { tap: "t-1", shaper: "i-1" };

test("a bucket holds at least one packet before it is cut, and more for fast NICs", () => {
  const [slow] = shapeLines({ ...place, bandwidth: { inBitsPerSecond: 64_000 }, hasShaper: false }).tc;
  const [fast] = shapeLines({
    ...place,
    bandwidth: { inBitsPerSecond: 10_000_000_000 },
    hasShaper: false,
  }).tc;

  assert.equal(slow, "qdisc replace dev t-1 root tbf rate 64000bit burst 131072 latency 50ms");
  assert.equal(fast, "qdisc replace dev t-1 root tbf rate 10000000000bit burst 6250000 latency 50ms");
});

test("a shaper is made for the first limit and removed with the last", () => {
  const first = shapeLines({ ...place, bandwidth: { outBitsPerSecond: 64_000 }, hasShaper: false });
  const next = shapeLines({ ...place, bandwidth: { outBitsPerSecond: 64_000 }, hasShaper: true });
  const last = shapeLines({ ...place, bandwidth: {}, hasShaper: true });

  assert.equal(first.ip.length, 2);
  assert.deepEqual(next.ip, []);
  assert.deepEqual(last, { ip: ["link del dev i-1"], tc: [] });
});
