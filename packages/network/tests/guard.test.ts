import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { PluggedNic } from "../src/network-driver.ts";
import {
  arp,
  ethernet,
  icmp6,
  ip6,
  option,
  receive,
  receiveUntil,
  send,
  target,
  u16,
  udp,
} from "./support/frames.ts";
import { aNic, aWish, openHost, signal, skip, type Host } from "./support/own-host.ts";

const gateway = "10.77.0.1";
const mallory = {
  mac: "52:00:00:00:00:0b",
  ip: "10.77.0.11",
  ip6: "fd77::5000:ff:fe00:b",
  local6: "fe80::5000:ff:fe00:b",
};
const victim = {
  mac: "52:00:00:00:00:0c",
  ip: "10.77.0.12",
  ip6: "fd77::5000:ff:fe00:c",
  local6: "fe80::5000:ff:fe00:c",
};
const allNodes = "ff02::1";
const own = { from: mallory.mac };
const toVictim = { from: mallory.mac, to: victim.mac };

let host: Host;
let attacker: PluggedNic;
let target1: PluggedNic;

before(async () => {
  if (skip !== false) return;
  host = await openHost();
  const wish = aWish({ ipv6: { prefix: "fd77::/64" } });
  await host.driver.ensure(wish, signal());
  attacker = await host.driver.plug(aNic(wish.id, 11, { address6: mallory.ip6 }), signal());
  target1 = await host.driver.plug(aNic(wish.id, 12, { address6: victim.ip6 }), signal());
  receive(attacker);
});
after(async () => {
  if (skip === false) await host[Symbol.asyncDispose]();
});

const tagged = (frame: Buffer) =>
  Buffer.concat([frame.subarray(0, 12), u16(0x8100), u16(5), frame.subarray(12)]);
const fragmented = (next: number, payload: Buffer) =>
  Buffer.concat([Buffer.from([next, 0, 0, 1, 0, 0, 0, 9]), payload]);
const routerAdvert = (text: string) => Buffer.concat([Buffer.alloc(12), option(text)]);
const behindOptions = (next: number, payload: Buffer) =>
  Buffer.concat([Buffer.from([next, 0, 1, 4, 0, 0, 0, 0]), payload]);

/** Each frame carries SPOOF where a payload can; ARP is recognised by its type. */
const spoofs: Record<string, () => Buffer> = {
  "a frame from another MAC address": () =>
    udp({ from: victim.mac, to: victim.mac }, { ip: mallory.ip, to: victim.ip, text: "SPOOF" }),
  "a broadcast from another MAC address": () =>
    udp({ from: "52:00:00:00:00:99" }, { ip: mallory.ip, to: "255.255.255.255", text: "SPOOF" }),
  "IPv4 from the gateway's address": () => udp(toVictim, { ip: gateway, to: victim.ip, text: "SPOOF" }),
  "IPv4 from an address nobody has": () => udp(toVictim, { ip: "10.77.0.200", to: victim.ip, text: "SPOOF" }),
  "IPv4 from outside": () => udp(toVictim, { ip: "8.8.8.8", to: victim.ip, text: "SPOOF" }),
  "IPv4 to a wrong address on the right MAC": () =>
    udp(toVictim, { ip: mallory.ip, to: "10.77.0.99", text: "SPOOF" }),
  "IPv6 from the victim's neighbour's address": () =>
    udp(toVictim, { ip: "fd77::99", to: victim.ip6, text: "SPOOF" }),
  "IPv6 from the gateway's link-local address": () =>
    udp(toVictim, { ip: "fe80::1", to: victim.local6, text: "SPOOF" }),
  "IPv6 from the victim's link-local address": () =>
    udp(toVictim, { ip: victim.local6, to: allNodes, text: "SPOOF" }),
  "a VLAN tag before a right packet": () =>
    tagged(udp(toVictim, { ip: mallory.ip, to: victim.ip, text: "SPOOF" })),
  "a VLAN tag before a forged packet": () =>
    tagged(udp(toVictim, { ip: gateway, to: victim.ip, text: "SPOOF" })),
  "an unknown protocol": () => ethernet(toVictim, 0x88b5, Buffer.from("SPOOF".padEnd(50))),
  "a spanning tree message": () =>
    ethernet(
      { from: mallory.mac, to: "01:80:c2:00:00:00" },
      0x0027,
      Buffer.from("\x42\x42\x03SPOOF".padEnd(46)),
    ),
  "an offer by a DHCP server": () =>
    udp(own, { ip: mallory.ip, to: "255.255.255.255", sourcePort: 67, port: 68, text: "SPOOF" }),
  "an answer by a DHCPv6 server": () =>
    udp(toVictim, { ip: mallory.local6, to: victim.local6, sourcePort: 547, port: 546, text: "SPOOF" }),
  "a router advertisement": () =>
    icmp6(own, { ip: mallory.local6, to: allNodes, type: 134, rest: routerAdvert("SPOOF") }),
  "a router advertisement behind an extension header": () => {
    const advert = icmp6(own, {
      ip: mallory.local6,
      to: allNodes,
      type: 134,
      rest: routerAdvert("SPOOF"),
    }).subarray(54);
    return ip6(own, { ip: mallory.local6, to: allNodes, next: 60, payload: behindOptions(58, advert) });
  },
  "a fragmented router advertisement": () => {
    const advert = icmp6(own, {
      ip: mallory.local6,
      to: allNodes,
      type: 134,
      rest: routerAdvert("SPOOF"),
    }).subarray(54);
    return ip6(own, { ip: mallory.local6, to: allNodes, next: 44, payload: fragmented(58, advert) });
  },
  "an ICMPv6 redirect": () =>
    icmp6(toVictim, {
      ip: mallory.local6,
      to: victim.local6,
      type: 137,
      rest: Buffer.concat([Buffer.alloc(36), option("SPOOF")]),
    }),
  "an advertisement for the gateway's IPv6 address": () =>
    icmp6(own, { ip: mallory.local6, to: allNodes, type: 136, rest: target("fd77::1", "SPOOF", 0x20) }),
  "an advertisement for the gateway's link-local address": () =>
    icmp6(own, { ip: mallory.local6, to: allNodes, type: 136, rest: target("fe80::1", "SPOOF", 0x20) }),
  "an advertisement for the victim's address": () =>
    icmp6(own, { ip: mallory.local6, to: allNodes, type: 136, rest: target(victim.ip6, "SPOOF", 0x20) }),
  "a duplicate address probe for the victim's address": () =>
    icmp6(
      { from: mallory.mac, to: "33:33:ff:00:00:0c" },
      { ip: "::", to: "ff02::1:ff00:c", type: 135, rest: target(victim.ip6, "SPOOF") },
    ),
  "an ARP answer in the gateway's name": () =>
    arp(toVictim, {
      operation: "reply",
      mac: mallory.mac,
      ip: gateway,
      targetIp: victim.ip,
      targetMac: victim.mac,
    }),
  "a gratuitous ARP for the victim's address": () =>
    arp(own, { operation: "request", mac: mallory.mac, ip: victim.ip, targetIp: victim.ip }),
  "an ARP answer with another MAC address inside": () =>
    arp(toVictim, {
      operation: "reply",
      mac: "52:00:00:00:00:99",
      ip: mallory.ip,
      targetIp: victim.ip,
      targetMac: victim.mac,
    }),
  "an ARP probe for the victim's address": () =>
    arp(own, { operation: "request", mac: mallory.mac, ip: "0.0.0.0", targetIp: victim.ip }),
};

/** The right frames that look most like the forged ones. */
const honest: Record<string, () => Buffer> = {
  "IPv4 from its own address": () => udp(toVictim, { ip: mallory.ip, to: victim.ip, text: "HONEST" }),
  "a broadcast from its own address": () =>
    udp(own, { ip: mallory.ip, to: "255.255.255.255", text: "HONEST" }),
  "IPv6 from its own address": () => udp(toVictim, { ip: mallory.ip6, to: victim.ip6, text: "HONEST" }),
  "IPv6 from its own link-local address": () =>
    udp(toVictim, { ip: mallory.local6, to: victim.local6, text: "HONEST" }),
  "IPv6 from a link-local address chosen at random": () =>
    udp(toVictim, { ip: "fe80::1234:5678:9abc:def0", to: victim.local6, text: "HONEST" }),
  "an advertisement for its own address": () =>
    icmp6(own, { ip: mallory.ip6, to: allNodes, type: 136, rest: target(mallory.ip6, "HONEST", 0x20) }),
  "a duplicate address probe for its own address": () =>
    icmp6(
      { from: mallory.mac, to: "33:33:ff:00:00:0b" },
      { ip: "::", to: "ff02::1:ff00:b", type: 135, rest: target(mallory.ip6, "HONEST") },
    ),
  "a solicitation of the victim": () =>
    icmp6(own, { ip: mallory.ip6, to: allNodes, type: 135, rest: target(victim.ip6, "HONEST") }),
  "the announcement of a guest that has moved": () => ethernet(own, 0x8035, Buffer.from("HONEST".padEnd(46))),
};

const isArp = (frame: Buffer) =>
  frame.readUInt16BE(12) === 0x0806 &&
  frame.subarray(6, 12).toString("hex") === mallory.mac.replaceAll(":", "");

for (const [what, frame] of Object.entries(honest)) {
  test(`a guest may send ${what}`, { skip }, async () => {
    send(attacker, frame());

    await receiveUntil(target1, "HONEST");
  });
}

test("a guest may ask for and announce its own address by ARP", { skip }, async () => {
  send(attacker, arp(own, { operation: "request", mac: mallory.mac, ip: mallory.ip, targetIp: victim.ip }));
  send(attacker, arp(own, { operation: "request", mac: mallory.mac, ip: "0.0.0.0", targetIp: mallory.ip }));
  send(attacker, udp(toVictim, { ip: mallory.ip, to: victim.ip, text: "AFTER" }));

  const frames = await receiveUntil(target1, "AFTER");

  assert.equal(frames.filter(isArp).length, 2);
});

for (const [what, frame] of Object.entries(spoofs)) {
  test(`no other guest receives ${what}`, { skip }, async () => {
    receive(target1);

    send(attacker, frame());
    send(attacker, udp(toVictim, { ip: mallory.ip, to: victim.ip, text: "AFTER" }));
    const frames = await receiveUntil(target1, "AFTER");

    const forged = frames.filter((received) => received.includes("SPOOF") || isArp(received));
    assert.deepEqual(
      forged.map((received) => received.toString("hex")),
      [],
    );
  });
}
