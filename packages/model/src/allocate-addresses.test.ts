import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "@serai/kit/fault";
import { allocateAddresses } from "./allocate-addresses.ts";
import { completeNetworkSpec } from "./complete-network-spec.ts";

const mac = (n: number) =>
  `52:00:00:00:${(n >> 8).toString(16).padStart(2, "0")}:${(n & 255).toString(16).padStart(2, "0")}`;
const spec = completeNetworkSpec({
  name: "lan",
  ipv4: { subnet: "10.1.0.0/29" },
  ipv6: { prefix: "fd01::/64" },
  leases: [{ mac: mac(1), address4: "10.1.0.3", address6: "fd01::3" }],
});

test("a static lease is its owner's, and nobody else's even when all others are taken", () => {
  assert.deepEqual(allocateAddresses(spec, mac(1), []), { address4: "10.1.0.3", address6: "fd01::3" });

  const others = ["10.1.0.2", "10.1.0.4", "10.1.0.5", "10.1.0.6"];
  assert.throws(
    () => allocateAddresses(spec, mac(2), others),
    (error) => isFault(error, "network.addresses_exhausted"),
  );
});

test("a NIC that comes back gets what it had, unless somebody has it now", () => {
  const { address4 = "" } = allocateAddresses(spec, mac(7), []);

  assert.equal(allocateAddresses(spec, mac(7), []).address4, address4);
  assert.notEqual(allocateAddresses(spec, mac(7), [address4]).address4, address4);
});

test("as many NICs as the range has addresses get one each, never the gateway's", () => {
  const wide = completeNetworkSpec({ name: "lan", ipv4: { subnet: "10.1.0.0/24" } });
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(65535), { minLength: 127, maxLength: 127 }), (numbers) => {
      const taken = new Set<string>();
      for (const number of numbers) taken.add(allocateAddresses(wide, mac(number), taken).address4 ?? "");
      assert.equal(taken.size, 127);
      assert.equal(taken.has("10.1.0.1"), false);
    }),
    { numRuns: 10 },
  );
});

test("networks without addresses give none", () => {
  assert.deepEqual(allocateAddresses(completeNetworkSpec({ name: "lan", kind: "isolated" }), mac(1), []), {});
});
