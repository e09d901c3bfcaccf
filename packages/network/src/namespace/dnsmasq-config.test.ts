import assert from "node:assert/strict";
import { test } from "node:test";
import { completeNetworkSpec } from "@serai/model/complete-network-spec";
import { dnsmasqConfig, hostLines, reservationLines } from "./dnsmasq-config.ts";
import type { KnownNic } from "./record.ts";

const paths = { reservations: "/s/reservations", hosts: "/s/hosts", leases: "/s/leases" };
const spec = completeNetworkSpec({
  name: "lan",
  ipv4: { subnet: "10.1.0.0/20" },
  ipv6: { prefix: "fd01::/64" },
  domain: "lab.test",
});
const web: KnownNic = {
  vm: "vm-1",
  nic: "nic0",
  hostName: "web",
  mac: "52:00:00:00:00:01",
  network: "net-000000000000",
  address4: "10.1.0.2",
  address6: "fd01::2",
  groups: [],
  mark: 1,
  isLocal: true,
};
const {
  hostName: _name,
  address6: _address6,
  ...second
} = { ...web, nic: "nic1", mac: "52:00:00:00:00:02", address4: "10.1.0.3" };

test("only reservations are served, with the mask of the subnet", () => {
  const lines = dnsmasqConfig({ spec, paths, resolvers: "/etc/resolv.conf" }).split("\n");

  assert.ok(lines.includes("dhcp-range=10.1.0.0,static,255.255.240.0,12h"));
  assert.ok(lines.includes("resolv-file=/etc/resolv.conf"));
  assert.ok(lines.includes("dhcp-option=option:router,10.1.0.1"));
  assert.ok(lines.includes("dhcp-range=fd01::,static,slaac,64,12h"));
});

test("an isolated network has no router, no default route and no names of the outside", () => {
  const lines = dnsmasqConfig({
    spec: { ...spec, kind: "isolated" },
    paths,
    resolvers: "/etc/resolv.conf",
  }).split("\n");

  assert.ok(lines.includes("dhcp-option=option:router"));
  assert.ok(lines.includes("ra-param=bridge0,mtu:1500,60,0"));
  assert.ok(lines.includes("no-resolv"));
});

test("each NIC has its reservation, and each guest its name in both families", () => {
  assert.equal(
    reservationLines([web, second]),
    "52:00:00:00:00:01,10.1.0.2,[fd01::2],web,12h\n52:00:00:00:00:02,10.1.0.3,12h\n",
  );
  assert.equal(
    hostLines([web, second], spec),
    "10.1.0.1 gateway.lab.test\nfd01::1 gateway.lab.test\n10.1.0.2 web.lab.test web\nfd01::2 web.lab.test web\n",
  );
});
