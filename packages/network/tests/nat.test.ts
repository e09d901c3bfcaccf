import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { test } from "node:test";
import { startGuest, type FakeGuest } from "./support/fake-guest.ts";
import { openOutside } from "./support/outside.ts";
import { aNic, aWish, openHost, run, signal, skip } from "./support/own-host.ts";

/** Asks until it answers: whoever serves may still be starting. */
const fetched = (guest: FakeGuest, address: string) =>
  guest.sh(
    `for i in 1 2 3 4 5 6 7 8 9 10; do printf 'GET / HTTP/1.0\\r\\n\\r\\n' | busybox nc -w 2 ${address} 80 && break; busybox sleep 0.2; done`,
  ).output;
const pings = (guest: FakeGuest, address: string) => guest.sh(`busybox ping -c 1 -W 2 ${address}`).ok;
const connects = (guest: FakeGuest, address: string, port: number) =>
  guest.sh(`busybox timeout 2 busybox nc -w 1 ${address} ${port} </dev/null`);

test(
  "guests of a NAT network get their addresses by DHCP and find each other by name",
  { skip },
  async () => {
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
    assert.equal(pings(one, "10.77.0.12"), true);
    assert.equal(pings(one, "10.77.0.1"), true);
  },
);

test("a guest that is told no address of its own still gets none but by its own MAC", { skip }, async () => {
  await using host = await openHost();
  const wish = aWish();
  await host.driver.ensure(wish, signal());
  const { address4: _, ...stranger } = aNic(wish.id, 13);
  await using guest = await startGuest(host.driver, stranger);

  assert.throws(() => guest.dhcp(3));
});

test(
  "guests take IPv6 addresses from the network's prefix and reach the outside over IPv6",
  { skip },
  async () => {
    await using host = await openHost();
    await using outside = openOutside();
    const wish = aWish({ ipv6: { prefix: "fd77::/64" } });
    await host.driver.ensure(wish, signal());
    await using one = await startGuest(host.driver, aNic(wish.id, 11, { address6: "fd77::5000:ff:fe00:b" }));
    await using two = await startGuest(host.driver, aNic(wish.id, 12, { address6: "fd77::5000:ff:fe00:c" }));
    const settled =
      "for i in $(busybox seq 100); do ip -6 addr show dev eth0 -tentative scope global | grep -q fd77:: && exit 0; busybox sleep 0.1; done; exit 1";

    assert.equal(one.sh(settled).ok && two.sh(settled).ok, true, one.sh("ip -6 addr").output);

    assert.match(one.sh("ip -6 addr show dev eth0 scope global").output, /fd77::5000:ff:fe00:b\//);
    assert.equal(one.sh("busybox ping -6 -c 1 -W 2 fd77::5000:ff:fe00:c").ok, true);
    assert.equal(one.sh("busybox ping -6 -c 1 -W 2 2001:db8::2").ok, true, one.sh("ip -6 route").output);
    assert.match(
      one.sh("busybox nslookup -type=aaaa guest12.lab.test fd77::1").output,
      /fd77::5000:ff:fe00:c/,
    );
    void outside;
  },
);

test(
  "guests reach a server outside, and nobody outside reaches them but by a forwarded port",
  { skip },
  async () => {
    await using host = await openHost();
    await using outside = openOutside();
    const forwards = [
      { protocol: "tcp", hostPort: 2222, address: "10.77.0.11", port: 22 },
      { protocol: "tcp", hostAddress: "0.0.0.0", hostPort: 8022, address: "10.77.0.11", port: 22 },
    ] as const;
    const wish = aWish({ forwards: [...forwards] });
    await host.driver.ensure(wish, signal());
    await using guest = await startGuest(host.driver, aNic(wish.id, 11));
    guest.dhcp();
    outside.serve(80);
    guest.start("while true; do echo hello from the guest | busybox nc -l -p 22; done");
    const ask = (address: string) => `busybox timeout 5 busybox nc -w 2 ${address}`;

    assert.match(fetched(guest, "203.0.113.2"), /hello from the outside/);
    assert.match(run(ask("127.0.0.1 2222")), /hello from the guest/);
    assert.match(run(ask("203.0.113.1 8022")), /hello from the guest/);
    assert.match(outside.run(ask("203.0.113.1 8022")), /hello from the guest/);
    assert.throws(
      () => outside.run(ask("203.0.113.1 2222")),
      "a forward of the loopback is for the host alone",
    );
    outside.run("ip route add 10.77.0.0/24 via 203.0.113.1");
    assert.throws(() => outside.run("busybox ping -c 1 -W 1 10.77.0.11"));
  },
);

test("two networks with the same addresses do not meet", { skip }, async () => {
  await using host = await openHost();
  const [left, right] = [aWish(), aWish()];
  await host.driver.ensure(left, signal());
  await host.driver.ensure(right, signal());
  await using here = await startGuest(host.driver, aNic(left.id, 11));
  await using same = await startGuest(host.driver, aNic(left.id, 12));
  await using there = await startGuest(host.driver, aNic(right.id, 13));
  for (const guest of [here, same, there]) guest.dhcp();

  assert.equal(pings(here, "10.77.0.12"), true);
  assert.equal(pings(here, "10.77.0.13"), false);
  const transfer = run("ip -4 -br addr show").match(/198\.1[89]\.\d+\.\d+/g) ?? [];
  assert.equal(transfer.length, 2);
  const namespaceSide = transfer.map((address) =>
    address.replace(/\d+$/, (last) => String(Number(last) + 1)),
  );
  for (const address of [...transfer, ...namespaceSide.slice(1)])
    assert.equal(pings(here, address), false, address);
});

test("a guest reaches no service of its host, whatever the address", { skip }, async () => {
  await using host = await openHost();
  await using outside = openOutside();
  const wish = aWish();
  await host.driver.ensure(wish, signal());
  await using guest = await startGuest(host.driver, aNic(wish.id, 11));
  guest.dhcp();
  await using service = serveHere(9999);
  const [transfer = ""] = run("ip -4 -br addr show").match(/198\.1[89]\.\d+\.\d+/) ?? [];

  for (const address of ["203.0.113.1", transfer, "10.77.0.1", "169.254.169.254"]) {
    assert.equal(connects(guest, address, 9999).ok, false, address);
  }
  assert.equal(pings(guest, "203.0.113.2"), true, "what lies behind the host is reached");
  assert.match(
    outside.run("busybox timeout 5 busybox nc -w 2 203.0.113.1 9999"),
    /secret/,
    "the service is there",
  );
  void service;
});

function serveHere(port: number): AsyncDisposable {
  const line = `while true; do echo secret | busybox nc -l -p ${port}; done`;
  const child = spawn("sh", ["-c", line], { stdio: "ignore", detached: true });
  return {
    async [Symbol.asyncDispose]() {
      process.kill(-(child.pid ?? 0), "SIGKILL");
      await once(child, "exit");
    },
  };
}
