import assert from "node:assert/strict";
import test from "node:test";
import { isFault } from "@serai/kit/fault";
import { completeNetworkSpec } from "@serai/model/complete-network-spec";
import type { IntentSource } from "./intent-source.ts";
import { assertId, trustedIntents } from "./trusted-intents.ts";

const id = "vm-000000000001";
const valid = {
  id,
  project: "default",
  machineType: "pc-q35-7.2",
  uuid: "00000000-0000-4000-8000-000000000000",
  power: "running",
  stop: { isForced: false },
  resetCount: 0,
  isDeleting: false,
  generation: 1,
  spec: {
    name: "web",
    description: "",
    labels: {},
    cpus: 1,
    memoryBytes: 64 * 1024 * 1024,
    firmware: "bios",
    disks: [],
    nics: [],
    display: "none",
    hasAgent: true,
    hasRng: true,
    hasBalloon: true,
    hasWatchdog: false,
    policy: { onShutdown: "stop", onPanic: "restart", onHang: "restart", onCrash: "restart" },
  },
};

const reading = (record: unknown) => {
  const text = typeof record === "string" ? record : JSON.stringify(record);
  const source: IntentSource = {
    vm: () => text,
    image: () => text,
    snapshot: () => text,
    network: () => text,
    securityGroups: () => [text],
    vmIds: () => [id, "../../etc"],
    vmsContaining: () => [{ id, text }],
    imageIds: () => [],
    networkIds: () => [],
  };
  return trustedIntents(source);
};

test("a valid record is read as it is", () => {
  assert.deepEqual(reading(valid).vm(id), valid);
});

const planted: [string, unknown][] = [
  [
    "a path in the image of a disk",
    { ...valid, spec: { ...valid.spec, disks: [{ name: "root", image: "../../etc/shadow" }] } },
  ],
  [
    "a disk name that leaves its directory",
    { ...valid, spec: { ...valid.spec, disks: [{ name: "../x", sizeBytes: 1048576 }] } },
  ],
  ["options in the machine type", { ...valid, machineType: "pc-q35-7.2,firmware=/etc/shadow" }],
  ["a uuid with options", { ...valid, uuid: "00000000-0000-4000-8000-000000000000,x=y" }],
  ["another VM's id", { ...valid, id: "vm-000000000002" }],
  ["an unknown field in the spec", { ...valid, spec: { ...valid.spec, extraArgs: ["-monitor", "stdio"] } }],
  ["a spec that lacks its memory", { ...valid, spec: { ...valid.spec, memoryBytes: undefined } }],
  [
    "a forward to a privileged port",
    {
      ...valid,
      spec: {
        ...valid.spec,
        nics: [{ name: "nic0", forwards: [{ protocol: "tcp", hostPort: 22, guestPort: 22 }] }],
      },
    },
  ],
  ["no JSON", "{"],
  ["null", null],
];
for (const [what, record] of planted) {
  test(`a record with ${what} is refused`, () => {
    assert.throws(
      () => reading(record).vm(id),
      (error) => isFault(error, "vm.spec_invalid"),
    );
  });
}

test("a key that is not an id is no id", () => {
  assert.deepEqual([...reading(valid).vmIds()], [id]);
  assert.throws(
    () => assertId("../../etc"),
    (error) => isFault(error, "request.malformed"),
  );
});

const network = {
  id: "net-000000000001",
  isDeleting: false,
  generation: 1,
  spec: completeNetworkSpec({ name: "lan", kind: "bridged", hostNic: "eth1", ipv6: { prefix: "fd12::/64" } }),
};

test("a valid network is read as it is", () => {
  assert.deepEqual(reading(network).network(network.id), network);
});

const plantedNetworks: [string, unknown][] = [
  ["a command in the interface", { ...network, spec: { ...network.spec, hostNic: "eth1; reboot" } }],
  ["lines in the domain", { ...network, spec: { ...network.spec, domain: "x\nconf-file=/etc/shadow" } }],
  ["an option in its name", { ...network, spec: { ...network.spec, name: "--help" } }],
  ["no list of forwards", { ...network, spec: { ...network.spec, forwards: undefined } }],
  ["another network's id", { ...network, id: "net-000000000002" }],
  ["an unknown field", { ...network, spec: { ...network.spec, script: "/tmp/x" } }],
];
for (const [what, record] of plantedNetworks) {
  test(`a network with ${what} is refused`, () => {
    assert.throws(
      () => reading(record).network(network.id),
      (error) => isFault(error, "vm.spec_invalid"),
    );
  });
}

test("a security group with a rule of its own language is refused", () => {
  const spec = { name: "web", rules: [{ direction: "in", protocol: "tcp } accept", ports: { first: 22 } }] };
  assert.throws(
    () => reading({ spec }).securityGroups(),
    (error) => isFault(error, "vm.spec_invalid"),
  );
});
