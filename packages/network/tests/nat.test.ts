import assert from "node:assert/strict";
import { test } from "node:test";
import { startGuest } from "./support/fake-guest.ts";
import { aNic, aWish, openHost, run, signal, skip } from "./support/own-host.ts";

test("guests of a NAT network get their addresses by DHCP and find each other by name", { skip }, async () => {
  await using host = await openHost();
  const wish = aWish();
  await host.driver.ensure(wish, signal());
  await using one = await startGuest(host.driver, aNic(wish.id, 11));
  await using two = await startGuest(host.driver, aNic(wish.id, 12));

  one.dhcp();
  two.dhcp();

  assert.match(one.sh("ip -4 -br addr show dev eth0").output, /10\.77\.0\.11\/24/);
  assert.match(one.sh("ip route").output, /default via 10\.77\.0\.1 /);
  assert.match(one.sh("busybox nslookup -type=a guest12.lab.test 10.77.0.1").output, /10\.77\.0\.12/);
  assert.equal(one.sh("busybox ping -c 1 -W 2 10.77.0.12").ok, true);
  assert.equal(one.sh("busybox ping -c 1 -W 2 10.77.0.1").ok, true);
});
void run;
