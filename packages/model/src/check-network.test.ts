import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "@serai/kit/fault";
import { checkNetwork, checkSecurityGroup } from "./check-network.ts";
import { applyNetworkChange, completeNetworkSpec } from "./complete-network-spec.ts";
import type { NetworkSpec } from "./network.ts";
import type { SecurityRule } from "./security-group.ts";

const world = { portOwner: (_protocol: string, port: number) => (port === 2200 ? "other" : undefined) };
const check = (spec: Partial<NetworkSpec>) =>
  checkNetwork(completeNetworkSpec({ name: "lan", ipv4: { subnet: "10.1.0.0/24" }, ...spec }), world);
const forward = (hostPort: number, address = "10.1.0.2") =>
  ({ protocol: "tcp", hostPort, address, port: 22 }) as const;

test("a name and a subnet are enough", () => {
  const spec = completeNetworkSpec({
    name: "lan",
    ipv4: { subnet: "10.1.0.0/24" },
    ipv6: { prefix: "fd01::/64" },
  });

  checkNetwork(spec, world);
  assert.deepEqual(spec.ipv4, {
    subnet: "10.1.0.0/24",
    gateway: "10.1.0.1",
    rangeFirst: "10.1.0.128",
    rangeLast: "10.1.0.254",
  });
  assert.equal(spec.ipv6?.gateway, "fd01::1");
  assert.equal(spec.domain, "lan.internal");
});

test("an overlay leaves room for its own headers, and a change of subnet brings its own range", () => {
  const before = completeNetworkSpec({ name: "lan", ipv4: { subnet: "10.1.0.0/24" }, overlay: { vni: 5 } });

  const after = applyNetworkChange(before, { ipv4: { subnet: "10.2.0.0/29" } });

  assert.equal(before.mtu, 1450);
  assert.deepEqual(after.ipv4, {
    subnet: "10.2.0.0/29",
    gateway: "10.2.0.1",
    rangeFirst: "10.2.0.2",
    rangeLast: "10.2.0.6",
  });
});

const wrong: [string, () => void, string][] = [
  ["a subnet with bits behind its prefix", () => check({ ipv4: { subnet: "10.1.0.1/24" } }), "ipv4.subnet"],
  ["a subnet of two addresses", () => check({ ipv4: { subnet: "10.1.0.0/31" } }), "ipv4.subnet"],
  ["the loopback's subnet", () => check({ ipv4: { subnet: "127.0.0.0/24" } }), "ipv4.subnet"],
  ["the transfer networks' subnet", () => check({ ipv4: { subnet: "198.18.5.0/24" } }), "ipv4.subnet"],
  ["a multicast prefix", () => check({ ipv6: { prefix: "ff02::/64" } }), "ipv6.prefix"],
  [
    "a gateway outside",
    () => check({ ipv4: { subnet: "10.1.0.0/24", gateway: "10.2.0.1" } }),
    "ipv4.gateway",
  ],
  [
    "the broadcast address as gateway",
    () => check({ ipv4: { subnet: "10.1.0.0/24", gateway: "10.1.0.255" } }),
    "ipv4.gateway",
  ],
  [
    "a gateway in the range",
    () => check({ ipv4: { subnet: "10.1.0.0/24", gateway: "10.1.0.200" } }),
    "ipv4.gateway",
  ],
  [
    "a range that ends before it begins",
    () => check({ ipv4: { subnet: "10.1.0.0/24", rangeFirst: "10.1.0.9", rangeLast: "10.1.0.8" } }),
    "ipv4.rangeLast",
  ],
  [
    "a lease outside",
    () => check({ leases: [{ mac: "52:00:00:00:00:01", address4: "10.2.0.9" }] }),
    "leases.0",
  ],
  [
    "a lease on the gateway",
    () => check({ leases: [{ mac: "52:00:00:00:00:01", address4: "10.1.0.1" }] }),
    "leases.0",
  ],
  [
    "a lease without a subnet for it",
    () => check({ leases: [{ mac: "52:00:00:00:00:01", address6: "fd01::9" }] }),
    "leases.0",
  ],
  [
    "two leases of one address",
    () =>
      check({ leases: ["01", "02"].map((end) => ({ mac: `52:00:00:00:00:${end}`, address4: "10.1.0.9" })) }),
    "leases.1",
  ],
  ["a forward to nowhere", () => check({ forwards: [forward(2222, "10.2.0.2")] }), "forwards.0"],
  ["a port forwarded twice", () => check({ forwards: [forward(2222), forward(2222)] }), "forwards.1"],
  ["a port that another network forwards", () => check({ forwards: [forward(2200)] }), "forwards.0"],
  [
    "forwards of an isolated network",
    () => check({ kind: "isolated", forwards: [forward(2222)] }),
    "forwards",
  ],
  [
    "a bridged network without an interface",
    () => checkNetwork(completeNetworkSpec({ name: "lan", kind: "bridged" }), world),
    "hostNic",
  ],
  ["a bridged network with a subnet", () => check({ kind: "bridged", hostNic: "eth1" }), "ipv4"],
  [
    "a NAT network without addresses",
    () => checkNetwork(completeNetworkSpec({ name: "lan" }), world),
    "ipv4",
  ],
  ["a VLAN on a NAT network", () => check({ vlan: 5 }), "hostNic"],
];

for (const [what, attempt, field] of wrong) {
  test(`${what} is refused`, () => {
    assert.throws(
      attempt,
      (error) => isFault(error, "network.spec_invalid") && error.details?.["field"] === field,
    );
  });
}

const wrongRules: [string, SecurityRule][] = [
  ["ports without a protocol that has them", { direction: "in", protocol: "icmp", ports: { first: 1 } }],
  ["ports that end before they begin", { direction: "in", protocol: "tcp", ports: { first: 9, last: 8 } }],
  ["a peer that is no subnet", { direction: "in", protocol: "any", peer: { cidr: "10.0.0.1/24" } }],
];

for (const [what, rule] of wrongRules) {
  test(`a rule with ${what} is refused`, () => {
    assert.throws(
      () => checkSecurityGroup({ name: "web", rules: [rule] }),
      (error) => isFault(error, "network.spec_invalid"),
    );
  });
}
