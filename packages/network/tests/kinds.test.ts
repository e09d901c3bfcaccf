import assert from "node:assert/strict";
import { test } from "node:test";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createNetNamespace,
  inNetNamespace,
  openNetNamespace,
  unpinNetNamespace,
} from "@serai/linux/net-namespace";
import { isFault } from "@serai/kit/fault";
import type { NetworkDriver } from "../src/network-driver.ts";
import { openNetworkDriver } from "../src/namespace/open-network-driver.ts";
import { runIn } from "../src/namespace/run.ts";
import { startGuest } from "./support/fake-guest.ts";
import { leftovers } from "./support/leftovers.ts";
import { openOutside } from "./support/outside.ts";
import {
  aNic,
  aWish,
  becomeHost,
  logger,
  openHost,
  run,
  signal,
  skip,
  type Host,
} from "./support/own-host.ts";

async function tc(host: Host, network: string): Promise<string> {
  using namespace = openNetNamespace(`${host.stateDirectory}/${network}/namespace`);
  assert.ok(namespace !== undefined);
  const { stdout } = await runIn(namespace, { argv: ["tc", "qdisc", "show"] }, signal());
  return stdout;
}

test("guests of an isolated network reach each other and nothing else", { skip }, async () => {
  await using host = await openHost();
  await using outside = openOutside();
  const wish = aWish({ kind: "isolated" });
  await host.driver.ensure(wish, signal());
  await using one = await startGuest(host.driver, aNic(wish.id, 11));
  await using two = await startGuest(host.driver, aNic(wish.id, 12));
  one.dhcp();
  two.dhcp();
  one.sh("ip route add default via 10.77.0.1");

  assert.equal(one.sh("busybox ping -c 1 -W 2 10.77.0.12").ok, true);
  assert.equal(one.sh("busybox ping -c 1 -W 1 203.0.113.2").ok, false);
  assert.equal(two.sh("ip route").output.includes("default"), false);
  void outside;
});

test(
  "guests of a bridged network are on the segment of the host's interface, with the MAC address they have",
  { skip },
  async () => {
    await using host = await openHost();
    await using outside = openOutside();
    run("ip addr flush dev wan0");
    const wish = aWish({ kind: "bridged", hostNic: "wan0" });
    const { ipv4: _, ...spec } = wish.spec;
    await host.driver.ensure({ ...wish, spec }, signal());
    await host.driver.ensure({ ...wish, spec }, signal());
    const { address4: _4, ...nic } = aNic(wish.id, 11);
    await using guest = await startGuest(host.driver, nic);
    guest.setAddress("203.0.113.77/24");

    assert.equal(guest.sh("busybox ping -c 1 -W 2 203.0.113.2").ok, true);
    assert.match(outside.run("ip neigh show 203.0.113.77"), /52:00:00:00:00:0b/);
    await guest[Symbol.asyncDispose]();
    await host.driver.unplug(nic, signal());
    await host.driver.remove(wish.id, signal());
    assert.deepEqual(leftovers(host.stateDirectory), []);
  },
);

test("an interface that carries the host's own addresses is not taken from it", { skip }, async () => {
  await using host = await openHost();
  await using outside = openOutside();
  const { spec, ...wish } = aWish({ kind: "bridged", hostNic: "wan0" });
  const { ipv4: _, ...bridged } = spec;

  await assert.rejects(host.driver.ensure({ ...wish, spec: bridged }, signal()), (error) =>
    isFault(error, "network.setup_failed"),
  );

  assert.deepEqual(leftovers(host.stateDirectory), []);
  void outside;
});

test("what the kernel lacks is refused by name", { skip }, async (context) => {
  await using host = await openHost();
  if (host.driver.can.hasVlans) return context.skip("this kernel has VLANs");
  const { spec, ...wish } = aWish({ kind: "bridged", hostNic: "lo", vlan: 5 });
  const { ipv4: _, ...tagged } = spec;

  await assert.rejects(host.driver.ensure({ ...wish, spec: tagged }, signal()), (error) => {
    assert.ok(isFault(error, "network.unsupported"));
    assert.match(error.message, /802\.1Q/);
    return true;
  });
});

test("bandwidth is limited both ways, and a limit changes under a running guest", { skip }, async () => {
  await using host = await openHost();
  const wish = aWish();
  await host.driver.ensure(wish, signal());
  const nic = aNic(wish.id, 11, { bandwidth: { inBitsPerSecond: 20_000_000, outBitsPerSecond: 10_000_000 } });
  await using guest = await startGuest(host.driver, nic);
  guest.dhcp();

  assert.match(await tc(host, wish.id), /tbf .* dev t-\w+ root .*rate 20Mbit/);
  assert.match(await tc(host, wish.id), /tbf .* dev i-\w+ root .*rate 10Mbit/);
  assert.equal(guest.sh("busybox ping -c 2 -W 2 10.77.0.1").ok, true);

  await host.driver.setBandwidth(nic, { outBitsPerSecond: 64_000 }, signal());

  const changed = await tc(host, wish.id);
  assert.doesNotMatch(changed, /tbf .* dev t-/);
  assert.match(changed, /tbf .* dev i-\w+ root .*rate 64Kbit/);
  const fill = "busybox timeout 5 busybox ping -s 1400 -c 200 -i 0.005 10.77.0.1 | grep received";
  const received = Number(/(\d+) packets received/.exec(guest.sh(fill).output)?.[1]);
  assert.ok(received < 195, `${received} of 200 packets passed a limit of 64 kbit/s`);

  await host.driver.setBandwidth(nic, {}, signal());
  assert.doesNotMatch(await tc(host, wish.id), /tbf|ingress/);
  assert.equal(guest.sh("busybox ping -c 1 -W 2 10.77.0.1").ok, true);
});

/** Two more hosts, 192.0.2.1 and 192.0.2.2, on one wire. */
async function twoHosts(): Promise<AsyncDisposable & { drivers: NetworkDriver[]; directories: string[] }> {
  becomeHost();
  const directories = [0, 1].map(() => mkdtempSync(join(tmpdir(), "serai-network-")));
  const namespaces = directories.map((directory) => {
    chmodSync(directory, 0o711);
    const namespace = createNetNamespace(join(directory, "host"));
    inNetNamespace(namespace, () => run("ip link set lo up"));
    return namespace;
  });
  run(
    `ip link add name eth0 netns ${directories[0]}/host type veth peer name eth0 netns ${directories[1]}/host`,
  );
  const drivers = await Promise.all(
    namespaces.map((host, index) => {
      for (const line of [`addr add 192.0.2.${index + 1}/24 dev eth0`, "link set eth0 up"])
        inNetNamespace(host, () => run(`ip ${line}`));
      return openNetworkDriver({ stateDirectory: directories[index] ?? "", logger, host }, signal());
    }),
  );
  return {
    drivers,
    directories,
    async [Symbol.asyncDispose]() {
      for (const [index, driver] of drivers.entries()) {
        const directory = directories[index] ?? "";
        for (const { id } of driver.list()) await driver.remove(id, signal());
        driver.close();
        unpinNetNamespace(join(directory, "host"));
        rmSync(directory, { recursive: true });
      }
    },
  };
}

test("guests on different hosts share an overlay, each behind its own host's gateway", { skip }, async () => {
  await using hosts = await twoHosts();
  const [here, there] = hosts.drivers;
  assert.ok(here !== undefined && there !== undefined);
  const wish = aWish({ overlay: { vni: 7 } });
  const nics = [aNic(wish.id, 11), aNic(wish.id, 12)] as const;
  const addresses = ["192.0.2.1", "192.0.2.2"];
  for (const [index, driver] of [here, there].entries()) {
    const [local = "", peer = ""] = index === 0 ? addresses : addresses.toReversed();
    await driver.ensure({ ...wish, tunnel: { local, peers: [peer] } }, signal());
    await driver.applyRules(wish.id, { nics: [...nics], groups: [] }, signal());
  }
  await using one = await startGuest(here, nics[0]);
  await using two = await startGuest(there, nics[1]);

  one.dhcp();
  two.dhcp();

  assert.equal(one.sh("busybox ping -c 2 -W 2 10.77.0.12").ok, true);
  assert.match(one.sh("busybox nslookup -type=a guest12.lab.test 10.77.0.1").output, /10\.77\.0\.12/);
  assert.equal(one.sh("busybox ping -c 2 -W 2 10.77.0.1").ok, true);
  assert.match(one.sh("ip link show eth0").output, /mtu 1450/);
  using namespace = openNetNamespace(`${hosts.directories[0]}/${wish.id}/namespace`);
  assert.ok(namespace !== undefined);
  const { stdout } = await runIn(namespace, { argv: ["bridge", "fdb", "show", "dev", "overlay0"] }, signal());
  assert.match(stdout, /52:00:00:00:00:0c dst 192\.0\.2\.2/, "the frames took the tunnel");
});
