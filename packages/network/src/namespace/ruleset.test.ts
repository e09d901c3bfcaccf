import assert from "node:assert/strict";
import { test } from "node:test";
import { completeNetworkSpec } from "@serai/model/complete-network-spec";
import type { SecurityGroupSpec } from "@serai/model/security-group";
import { forwardRuleset, hostRuleset, transferLink } from "./host-ruleset.ts";
import { nicNames } from "./names.ts";
import type { KnownNic } from "./record.ts";
import { networkRuleset } from "./ruleset.ts";

const spec = completeNetworkSpec({ name: "lan", ipv4: { subnet: "10.1.0.0/24" } });
const nic = (mark: number, fields: Partial<KnownNic> = {}): KnownNic => ({
  vm: `vm-${mark}`,
  nic: "nic0",
  mac: `52:00:00:00:00:0${mark}`,
  network: "net-000000000000",
  address4: `10.1.0.${mark}`,
  groups: [],
  mark,
  isLocal: true,
  ...fields,
});
const rules = (nics: KnownNic[], groups: SecurityGroupSpec[] = []) =>
  networkRuleset({ spec, nics, groups, gatewayMac: "52:11:22:33:44:55" });

/** The lines of one chain. */
function chain(text: string, name: string): string[] {
  const lines = text.split("\n");
  const start = lines.indexOf(`  chain ${name} {`);
  assert.notEqual(start, -1, `${name} in ${text}`);
  return lines.slice(start + 1, lines.indexOf("  }", start)).map((line) => line.trim());
}

test("everything is replaced in one transaction", () => {
  const [first, second, third, fourth] = rules([]).split("\n");

  assert.deepEqual(
    [first, second, third, fourth],
    ["table bridge serai", "delete table bridge serai", "table inet serai", "delete table inet serai"],
  );
});

test("a tap that no NIC is known for may say nothing", () => {
  const lines = chain(rules([nic(1)]), "from_port");

  assert.equal(lines.at(-1), 'iifname "t-*" drop');
  assert.ok(lines.includes(`iifname vmap { "${nicNames("vm-1", "nic0").tap}" : goto from_1 }`));
});

test("NICs of other hosts are known by name and address, but have no port here", () => {
  const text = rules([nic(1), nic(2, { isLocal: false })]);

  assert.equal(text.includes("chain from_2"), false);
});

test("a NIC without groups is free, one with groups is closed but for its rules", () => {
  const groups: SecurityGroupSpec[] = [
    {
      name: "web",
      rules: [
        { direction: "in", protocol: "tcp", ports: { first: 80, last: 90 }, peer: { cidr: "10.0.0.0/8" } },
      ],
    },
  ];

  const text = rules([nic(1, { groups: ["web"] }), nic(2)], groups);

  assert.deepEqual(chain(text, "in_1"), [
    "ct status dnat accept",
    "ip saddr 10.0.0.0/8 tcp dport 80-90 accept",
    "drop",
  ]);
  assert.equal(text.includes("chain in_2"), false);
  assert.equal(text.includes("chain out_1"), false);
});

test("a group as peer is its members: by mark here, by address everywhere; none, when nobody is in it", () => {
  const groups: SecurityGroupSpec[] = [
    {
      name: "db",
      rules: [
        { direction: "in", protocol: "any", peer: { group: "app" } },
        { direction: "in", protocol: "any", peer: { group: "empty" } },
      ],
    },
    { name: "app", rules: [] },
  ];

  const text = rules(
    [nic(1, { groups: ["db"] }), nic(2, { groups: ["app"] }), nic(3, { groups: ["app"], isLocal: false })],
    groups,
  );

  assert.deepEqual(chain(text, "in_1"), [
    "ct status dnat accept",
    "meta mark & 0xffff0000 { 0x20000 } accept",
    "ip saddr { 10.1.0.2, 10.1.0.3 } accept",
    "ip6 saddr { fe80::5000:ff:fe00:2, fe80::5000:ff:fe00:3 } accept",
    "drop",
  ]);
});

test("a group that is not known closes its NICs", () => {
  assert.deepEqual(chain(rules([nic(1, { groups: ["gone"] })]), "in_1"), ["ct status dnat accept", "drop"]);
});

test("no name of a VM, a host or a group is part of the rules", () => {
  const named = nic(1, { vm: "vm-secretname", hostName: "secretname", groups: ["secretname"] });

  assert.equal(rules([named], [{ name: "secretname", rules: [] }]).includes("secretname"), false);
});

test("the host translates forwards to the network's end of its transfer link", () => {
  assert.deepEqual(transferLink(0), {
    host4: "198.18.0.1",
    network4: "198.18.0.2",
    host6: "fd5e:7261:6900::1",
    network6: "fd5e:7261:6900::2",
  });
  assert.equal(transferLink(32767).network4, "198.19.255.254");

  const text = forwardRuleset("net-000000000000", 1, [
    { protocol: "tcp", hostAddress: "127.0.0.1", hostPort: 2222, address: "10.1.0.2", port: 22 },
  ]);

  assert.match(text, /ip daddr 127\.0\.0\.1 tcp dport 2222 dnat ip to 198\.18\.0\.6:2222/);
  assert.equal(
    forwardRuleset("net-000000000000", 1, []),
    "table inet serai_000000000000\ndelete table inet serai_000000000000\n",
  );
});

test("guests end at the host's input, and at each other's uplinks", () => {
  const text = hostRuleset();

  assert.equal(chain(text, "input").at(-1), "drop");
  assert.equal(chain(text, "forward")[1], 'iifname "snu*" oifname "snu*" drop');
});
