import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { delay } from "@serai/kit/deadline";
import { isFault } from "@serai/kit/fault";
import { openNetworkDriver } from "../src/namespace/open-network-driver.ts";
import { startGuest } from "./support/fake-guest.ts";
import { leftovers } from "./support/leftovers.ts";
import { aNic, aWish, logger, openHost, run, signal, skip } from "./support/own-host.ts";

test("a network that is removed leaves nothing, and is not removed under its guests", { skip }, async () => {
  await using host = await openHost();
  const { driver, stateDirectory } = host;
  const wish = aWish({
    ipv6: { prefix: "fd77::/64" },
    forwards: [{ protocol: "tcp", hostPort: 2222, address: "10.77.0.11", port: 22 }],
  });
  await driver.ensure(wish, signal());
  const nic = aNic(wish.id, 11, { bandwidth: { outBitsPerSecond: 10_000_000 } });
  const plugged = await driver.plug(nic, signal());

  await assert.rejects(driver.remove(wish.id, signal()), (error) => isFault(error, "network.in_use"));
  assert.equal(await driver.plug(nic, signal()), plugged, "the same NIC again is the same tap");
  assert.deepEqual(driver.list(), [{ id: wish.id, nics: [{ vm: "vm-11", nic: "nic0", isLive: true }] }]);

  plugged.close();
  assert.deepEqual(driver.list(), [{ id: wish.id, nics: [{ vm: "vm-11", nic: "nic0", isLive: false }] }]);
  await driver.unplug(nic, signal());
  await driver.remove(wish.id, signal());
  await driver.remove(wish.id, signal());
  assert.deepEqual(leftovers(stateDirectory), []);
});

test(
  "a live guest is not disturbed by a new daemon, which finds its network and leaves its tap alone",
  { skip },
  async () => {
    await using host = await openHost();
    const wish = aWish();
    await host.driver.ensure(wish, signal());
    const nic = aNic(wish.id, 11);
    await using guest = await startGuest(host.driver, nic);
    guest.dhcp();
    const pings = guest.start("busybox ping -i 0.05 -W 1 10.77.0.1 > /dev/null");
    host.driver.close();

    const successor = await openNetworkDriver({ stateDirectory: host.stateDirectory, logger }, signal());
    const found = successor.list();
    await successor.ensure(wish, signal());
    await assert.rejects(successor.plug(nic, signal()), (error) => isFault(error, "network.nic_in_use"));
    await successor.applyRules(wish.id, { nics: [], groups: [] }, signal());

    assert.deepEqual(found, [{ id: wish.id, nics: [{ vm: "vm-11", nic: "nic0", isLive: true }] }]);
    assert.equal(guest.sh("busybox ping -c 3 -W 2 10.77.0.1").ok, true);
    assert.equal(pings.exitCode, null);
    await guest[Symbol.asyncDispose]();
    await successor.unplug(nic, signal());
    await successor.remove(wish.id, signal());
    successor.close();
    assert.deepEqual(leftovers(host.stateDirectory), []);
  },
);

test("what was lost is mended by the next ensure", { skip }, async () => {
  await using host = await openHost();
  const wish = aWish();
  await host.driver.ensure(wish, signal());
  const pid = Number(run(`pgrep -f dnsmasq.*${host.stateDirectory}`).trim());
  process.kill(pid, "SIGKILL");
  run(`ip link del ${run("ip -br link").match(/snu[a-z0-9]+/)?.[0]}`);

  assert.match(host.driver.list()[0]?.problem ?? "", /not connected/);
  await host.driver.ensure(wish, signal());

  assert.equal(host.driver.list()[0]?.problem, undefined);
  await using guest = await startGuest(host.driver, aNic(wish.id, 11));
  guest.dhcp();
});

test(
  "a daemon that is killed in the midst of it leaves what ensure mends and remove removes",
  { skip },
  async () => {
    await using host = await openHost();
    const wish = aWish({ ipv6: { prefix: "fd77::/64" } });
    const nic = aNic(wish.id, 11);
    const wishFile = join(host.stateDirectory, "wish.json");
    writeFileSync(wishFile, JSON.stringify({ wish, nic }));
    const script = join(import.meta.dirname, "support/crash-child.ts");
    for (let round = 0; round < 12; round++) {
      const child = spawn(process.execPath, [script, host.stateDirectory, wishFile], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      await once(child.stdout, "data");
      await delay(20 + round * 61, signal()); // not a wait for something: the moment of death
      child.kill("SIGKILL");
      await once(child, "exit");

      if (round % 2 === 0) {
        await host.driver.ensure(wish, signal());
        (await host.driver.plug(nic, signal())).close();
        assert.equal(host.driver.list()[0]?.problem, undefined);
        await host.driver.unplug(nic, signal());
      }
      await host.driver.remove(wish.id, signal());
      assert.deepEqual(leftovers(host.stateDirectory), ["wish.json"], `round ${round}`);
    }
    rmSync(wishFile);
  },
);
