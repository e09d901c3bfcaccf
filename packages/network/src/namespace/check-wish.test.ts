import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "@serai/kit/fault";
import { completeNetworkSpec } from "@serai/model/complete-network-spec";
import type { CompleteNetworkSpec, NicAttachment } from "@serai/model/network";
import { checkAttachment, checkTable, checkWish } from "./check-wish.ts";

const wish = (spec: Partial<CompleteNetworkSpec> = {}, id = "net-000000000000") => ({
  id,
  spec: { ...completeNetworkSpec({ name: "lan", ipv4: { subnet: "10.1.0.0/24" } }), ...spec },
});
const nic = (fields: Partial<NicAttachment> = {}): NicAttachment => ({
  vm: "vm-1",
  nic: "nic0",
  mac: "52:00:00:00:00:01",
  network: "net-000000000000",
  groups: [],
  ...fields,
});
const forward = {
  protocol: "tcp",
  hostAddress: "127.0.0.1",
  hostPort: 1,
  address: "10.1.0.2",
  port: 1,
} as const;
const ipv4 = { subnet: "10.1.0.0/24", gateway: "10.1.0.1", rangeFirst: "10.1.0.2", rangeLast: "10.1.0.3" };

test("what is right passes", () => {
  checkWish(wish({ forwards: [forward] }));
  checkTable({
    nics: [nic({ hostName: "web", address4: "10.1.0.2" })],
    groups: [{ name: "web", rules: [] }],
  });
});

const attempts: [string, () => void][] = [
  ["an id that leaves its directory", () => checkWish(wish({}, "net-../../../etc"))],
  ["a domain with a second line", () => checkWish(wish({ domain: "lab\ndhcp-script=/bin/sh" }))],
  [
    "an interface with a command behind it",
    () => checkWish(wish({ kind: "bridged", hostNic: "eth0 up\nlink del lo" })),
  ],
  [
    "a gateway with a rule behind it",
    () => checkWish(wish({ ipv4: { ...ipv4, gateway: "10.1.0.1 accept" } })),
  ],
  ["a forward to a rule", () => checkWish(wish({ forwards: [{ ...forward, address: "10.1.0.2; accept" }] }))],
  [
    "a port that is no number",
    () => checkWish(wish({ forwards: [{ ...forward, port: "1 accept" as never }] })),
  ],
  [
    "a peer that is no address",
    () => checkWish({ ...wish(), tunnel: { local: "1.2.3.4", peers: ["x dev lo"] } }),
  ],
  ["a MAC address with more behind it", () => checkAttachment(nic({ mac: "52:00:00:00:00:01\n" }))],
  ["a multicast MAC address", () => checkAttachment(nic({ mac: "53:00:00:00:00:01" }))],
  ["an address with more behind it", () => checkAttachment(nic({ address4: "10.1.0.2,web" }))],
  ["IPv6 for IPv4", () => checkAttachment(nic({ address4: "fd01::1" }))],
  ["a name with a comma", () => checkAttachment(nic({ hostName: "web,ignore" }))],
  [
    "a limit that is no number",
    () => checkAttachment(nic({ bandwidth: { inBitsPerSecond: "1mbit root" as never } })),
  ],
  [
    "a rule with a text for a port",
    () =>
      checkTable({
        nics: [],
        groups: [
          {
            name: "web",
            rules: [{ direction: "in", protocol: "tcp", ports: { first: "1 accept" as never } }],
          },
        ],
      }),
  ],
  [
    "a rule with a made-up protocol",
    () =>
      checkTable({
        nics: [],
        groups: [{ name: "web", rules: [{ direction: "in", protocol: "tcp accept" as never }] }],
      }),
  ],
  [
    "a rule with a text for a subnet",
    () =>
      checkTable({
        nics: [],
        groups: [
          { name: "web", rules: [{ direction: "in", protocol: "any", peer: { cidr: "0.0.0.0/0 accept" } }] },
        ],
      }),
  ],
];

for (const [what, attempt] of attempts) {
  test(`${what} is refused`, () => {
    assert.throws(attempt, (error) => isFault(error, "network.spec_invalid"));
  });
}
