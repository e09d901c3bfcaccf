import { parseAddress, parseCidr } from "@serai/model/ip-address";
import type { NicAttachment } from "@serai/model/network";
import type { SecurityGroupSpec } from "@serai/model/security-group";
import { Fault } from "@serai/kit/fault";
import type { NetworkWish, NicTable } from "../network-driver.ts";
import { networkIdPattern } from "./names.ts";

const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const vmPattern = /^[a-z0-9][a-z0-9-]{0,62}$/;
const nicPattern = /^[a-z][a-z0-9]{0,14}$/;
const macPattern = /^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/;
const domainPattern = /^[a-z0-9-]+(\.[a-z0-9-]+){0,7}$/;
const hostNicPattern = /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,14}$/;

/**
 * Every text that becomes part of a rule, a command or a configuration is read here first: what control has checked
 * already is checked again, because this side runs as root. Throws `network.spec_invalid`.
 */
export function checkWish({ id, spec, tunnel }: NetworkWish): void {
  must(networkIdPattern.test(id), "id", id);
  must(label.test(spec.name), "name", spec.name);
  must(spec.domain.length <= 200 && domainPattern.test(spec.domain), "domain", spec.domain);
  must(isInteger(spec.mtu, 1280, 9000), "mtu", spec.mtu);
  if (spec.ipv4 !== undefined) {
    const { subnet, ...addresses } = spec.ipv4;
    must(parseCidr(subnet)?.family === 4, "ipv4.subnet", subnet);
    for (const address of Object.values(addresses)) mustBeAddress(4, "ipv4", address);
  }
  if (spec.ipv6 !== undefined) {
    must(parseCidr(spec.ipv6.prefix)?.prefix === 64, "ipv6.prefix", spec.ipv6.prefix);
    mustBeAddress(6, "ipv6.gateway", spec.ipv6.gateway);
  }
  if (spec.hostNic !== undefined) must(hostNicPattern.test(spec.hostNic), "hostNic", spec.hostNic);
  if (spec.vlan !== undefined) must(isInteger(spec.vlan, 1, 4094), "vlan", spec.vlan);
  if (spec.overlay !== undefined)
    must(isInteger(spec.overlay.vni, 1, 16777215), "overlay.vni", spec.overlay.vni);
  for (const { protocol, hostAddress, hostPort, address, port } of spec.forwards) {
    must(protocol === "tcp" || protocol === "udp", "forwards", protocol);
    mustBeAddress(4, "forwards", hostAddress);
    mustBeAddress(4, "forwards", address);
    for (const number of [hostPort, port]) must(isInteger(number, 1, 65535), "forwards", number);
  }
  for (const address of tunnel === undefined ? [] : [tunnel.local, ...tunnel.peers])
    mustBeAddress(4, "tunnel", address);
}

export function checkTable({ nics, groups }: NicTable): void {
  nics.forEach(checkAttachment);
  groups.forEach(checkGroup);
}

export function checkAttachment({
  vm,
  nic,
  hostName,
  mac,
  address4,
  address6,
  groups,
  bandwidth,
}: NicAttachment): void {
  must(vmPattern.test(vm), "vm", vm);
  must(nicPattern.test(nic), "nic", nic);
  if (hostName !== undefined) must(label.test(hostName), "hostName", hostName);
  must(macPattern.test(mac), "mac", mac);
  if (address4 !== undefined) mustBeAddress(4, "address4", address4);
  if (address6 !== undefined) mustBeAddress(6, "address6", address6);
  for (const group of groups) must(label.test(group), "groups", group);
  for (const limit of Object.values(bandwidth ?? {}))
    must(isInteger(limit, 64_000, 400_000_000_000), "bandwidth", limit);
}

function checkGroup({ rules }: SecurityGroupSpec): void {
  for (const { direction, protocol, ports, peer = "any" } of rules) {
    must(["in", "out"].includes(direction), "direction", direction);
    must(["tcp", "udp", "icmp", "any"].includes(protocol), "protocol", protocol);
    if (ports !== undefined) {
      must(protocol === "tcp" || protocol === "udp", "ports", protocol);
      const { first, last = first } = ports;
      must(isInteger(first, 1, 65535) && isInteger(last, first, 65535), "ports", `${first}-${last}`);
    }
    if (peer !== "any" && "cidr" in peer) must(parseCidr(peer.cidr) !== undefined, "peer", peer.cidr);
  }
}

const isInteger = (value: unknown, least: number, most: number): boolean =>
  Number.isInteger(value) && Number(value) >= least && Number(value) <= most;

function mustBeAddress(family: 4 | 6, field: string, text: string): void {
  must(parseAddress(text)?.family === family, field, text);
}

function must(isRight: boolean, field: string, value: unknown): void {
  if (isRight) return;
  throw new Fault("network.spec_invalid", `${JSON.stringify(value)} cannot be the ${field} of a network.`, {
    details: { field },
  });
}
