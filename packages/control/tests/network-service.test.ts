import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault, type FaultCode } from "@serai/kit/fault";
import { admin, controlWorld, type ControlWorld } from "../src/testing/control-world.ts";

const context = { actor: admin };
const signal = AbortSignal.timeout(60_000);
const refused = (attempt: Promise<unknown>, code: FaultCode) =>
  assert.rejects(attempt, (error) => isFault(error, code) || assert.fail(String(error)));

async function makeNetwork(world: ControlWorld, name: string, subnet = "10.9.0.0/24"): Promise<string> {
  const operation = await world.services.networks.create({ name, ipv4: { subnet } }, context, signal);
  const { phase } = await world.ended(operation);
  assert.equal(phase, "succeeded");
  return operation.target.id;
}

async function makeVm(world: ControlWorld, name: string, network: string, nic: object = {}) {
  const nics = [{ name: "nic0", network, ...nic }];
  const operation = await world.services.vms.create({ name, nics }, { start: false }, context, signal);
  await world.ended(operation);
  return nicOf(world, name);
}

type Nic = { network: string; mac: string; address4?: string; groups?: string[] };
const nicOf = (world: ControlWorld, vm: string): Nic => (world.vm(vm)["nics"] as Nic[])[0] ?? assert.fail();
const network = (world: ControlWorld, name: string) =>
  JSON.parse(world.services.networks.get(name, admin).json) as {
    state: string;
    vms: string[];
    fault?: { code: string };
  };

async function remove(world: ControlWorld, vm: string): Promise<void> {
  await world.ended(await world.services.vms.delete(vm, { force: true }, context, signal));
}

test("a network is made on the host, shown, and removed from it", async () => {
  await using world = await controlWorld();
  const id = await makeNetwork(world, "lan");

  assert.deepEqual(world.host.holdings().networks, [id]);
  assert.equal(network(world, "lan").state, "ready");
  await world.ended(await world.services.networks.delete("lan", context, signal));

  assert.deepEqual(world.host.holdings().networks, []);
  assert.throws(
    () => network(world, "lan"),
    (error) => isFault(error, "network.not_found"),
  );
});

test("what the host refuses ends the request and is shown at the network", async () => {
  await using world = await controlWorld();
  world.host.failNext("ensureNetwork", "network.unsupported");

  const operation = await world.services.networks.create({ name: "lan", kind: "isolated" }, context, signal);
  const ended = await world.ended(operation);

  assert.deepEqual([ended.phase, ended.fault?.code], ["failed", "network.unsupported"]);
  assert.deepEqual(
    [network(world, "lan").state, network(world, "lan").fault?.code],
    ["failed", "network.unsupported"],
  );
});

test("a VM has its address from its creation on, keeps it, and gives it back when it is deleted", async () => {
  await using world = await controlWorld();
  await makeNetwork(world, "lan", "10.9.0.0/29"); // .1 is the gateway, .2 to .6 are free

  const made = [];
  for (const name of ["a", "b", "c", "d", "e"]) made.push((await makeVm(world, name, "lan")).address4);
  assert.equal(new Set(made).size, 5);
  assert.equal(nicOf(world, "a").network, "lan", "clients see names");
  assert.deepEqual(world.vm("a")["addresses"], [made[0]]);
  await refused(makeVm(world, "f", "lan"), "network.addresses_exhausted");

  await world.services.vms.change(
    "a",
    { cpus: 2, nics: [{ name: "nic0", network: "lan" }] },
    context,
    signal,
  );
  assert.equal(nicOf(world, "a").address4, made[0]);
  await remove(world, "c");
  assert.equal((await makeVm(world, "f", "lan")).address4, made[2]);
  await world.restart();
  await refused(makeVm(world, "g", "lan"), "network.addresses_exhausted");
});

test("VMs that are made at the same time never get the same address", async () => {
  await using world = await controlWorld();
  await makeNetwork(world, "lan", "10.9.0.0/28");

  const names = Array.from({ length: 12 }, (_, at) => `vm-${at}x`);
  const nics = await Promise.all(names.map((name) => makeVm(world, name, "lan")));

  assert.equal(new Set(nics.map(({ address4 }) => address4)).size, 12);
});

test("addresses are refused that cannot be or that others have", async () => {
  await using world = await controlWorld();
  await makeNetwork(world, "lan");
  await makeVm(world, "a", "lan", { address4: "10.9.0.20" });

  assert.equal(nicOf(world, "a").address4, "10.9.0.20");
  await refused(makeVm(world, "b", "lan", { address4: "10.9.0.20" }), "vm.spec_invalid");
  await refused(makeVm(world, "b", "lan", { address4: "10.9.0.1" }), "network.spec_invalid");
  await refused(makeVm(world, "b", "lan", { address4: "10.8.0.20" }), "network.spec_invalid");
  await refused(makeVm(world, "b", "nowhere"), "network.not_found");
  await refused(makeVm(world, "b", "user", { groups: ["web"] }), "vm.spec_invalid");
});

test("a network that is used is neither deleted nor renumbered", async () => {
  await using world = await controlWorld();
  await makeNetwork(world, "lan");
  await makeVm(world, "a", "lan");

  await refused(world.services.networks.delete("lan", context, signal), "network.in_use");
  await refused(
    world.services.networks.change("lan", { ipv4: { subnet: "10.8.0.0/24" } }, context, signal),
    "network.in_use",
  );
  assert.deepEqual(network(world, "lan").vms, ["a"]);
});

test("a VM that joins while its network is being deleted keeps the network", async () => {
  await using world = await controlWorld();
  await makeNetwork(world, "lan");

  const [deletion, creation] = await Promise.allSettled([
    world.services.networks.delete("lan", context, signal).then((operation) => world.ended(operation)),
    makeVm(world, "a", "lan"),
  ]);

  if (creation.status === "fulfilled") {
    assert.ok(deletion.status === "rejected" || deletion.value.phase === "failed");
    assert.equal(network(world, "lan").vms.length, 1);
  } else {
    assert.ok(isFault(creation.reason, "network.not_found"));
    assert.deepEqual(world.host.holdings().networks, []);
  }
});

test("a host port leads to one place", async () => {
  await using world = await controlWorld();
  await makeNetwork(world, "lan");
  const forwards = [{ protocol: "tcp" as const, hostPort: 8080, address: "10.9.0.9", port: 80 }];
  await world.services.networks.change("lan", { forwards }, context, signal);

  await refused(
    world.services.networks.create(
      { name: "more", ipv4: { subnet: "10.8.0.0/24" }, forwards: [{ ...forwards[0]!, address: "10.8.0.9" }] },
      context,
      signal,
    ),
    "network.spec_invalid",
  );
  await refused(
    makeVm(world, "a", "user", { forwards: [{ protocol: "tcp", hostPort: 8080, guestPort: 80 }] }),
    "vm.spec_invalid",
  );
});

test("rules follow a change of a security group, which stays while something names it", async () => {
  await using world = await controlWorld();
  const { securityGroups } = world.services;
  await makeNetwork(world, "lan");
  await refused(makeVm(world, "a", "lan", { groups: ["web"] }), "vm.spec_invalid");
  await securityGroups.create({ name: "web", rules: [] }, context, signal);
  await makeVm(world, "a", "lan", { groups: ["web"] });
  const before = world.host.steps.get("applyNetworkRules") ?? 0;

  await securityGroups.change("web", { rules: [{ direction: "in", protocol: "icmp" }] }, context, signal);

  await world.until("the rules are applied", () => (world.host.steps.get("applyNetworkRules") ?? 0) > before);
  await refused(securityGroups.delete("web", context, signal), "security_group.in_use");
  await remove(world, "a");
  await securityGroups.delete("web", context, signal);
});
