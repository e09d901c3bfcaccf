import type { CompleteNetworkSpec } from "@serai/model/network";
import { bridgeName, type NetworkPaths } from "./names.ts";
import type { KnownNic } from "./record.ts";

export type ServiceInput = {
  spec: CompleteNetworkSpec;
  paths: Pick<NetworkPaths, "reservations" | "hosts" | "leases">;
  /** The host's own list of name servers; undefined: guests resolve each other only. */
  resolvers?: string;
};

const leaseTime = "12h";

/**
 * dnsmasq's configuration. Only NICs that we know get an address, the one we chose; names are ours, too, never the
 * guest's. Isolated networks get no default route.
 */
export function dnsmasqConfig({ spec, paths, resolvers }: ServiceInput): string {
  const isIsolated = spec.kind !== "nat";
  return [
    `interface=${bridgeName}`,
    "except-interface=lo",
    "bind-dynamic",
    "no-hosts",
    resolvers === undefined || isIsolated ? "no-resolv" : `resolv-file=${resolvers}`,
    `domain=${spec.domain}`,
    `local=/${spec.domain}/`,
    "domain-needed",
    "bogus-priv",
    `addn-hosts=${paths.hosts}`,
    `dhcp-hostsfile=${paths.reservations}`,
    `dhcp-leasefile=${paths.leases}`,
    "dhcp-authoritative",
    "dhcp-broadcast",
    "dhcp-ignore-names",
    "no-ping",
    "quiet-dhcp",
    "quiet-dhcp6",
    "quiet-ra",
    ...(spec.ipv4 ? lines4(spec.ipv4, spec.mtu, isIsolated) : []),
    ...(spec.ipv6 ? lines6(spec.ipv6, spec, isIsolated) : []),
    "",
  ].join("\n");
}

function lines4(ipv4: NonNullable<CompleteNetworkSpec["ipv4"]>, mtu: number, isIsolated: boolean): string[] {
  const [first = "", prefix = "24"] = ipv4.subnet.split("/");
  const mask = (0xffffffffn << BigInt(32 - Number(prefix))) & 0xffffffffn;
  const dotted = [24n, 16n, 8n, 0n].map((shift) => (mask >> shift) & 255n).join(".");
  return [
    `dhcp-range=${first},static,${dotted},${leaseTime}`,
    isIsolated ? "dhcp-option=option:router" : `dhcp-option=option:router,${ipv4.gateway}`,
    `dhcp-option=option:dns-server,${ipv4.gateway}`,
    `dhcp-option=option:mtu,${mtu}`,
  ];
}

function lines6(
  ipv6: NonNullable<CompleteNetworkSpec["ipv6"]>,
  { mtu }: CompleteNetworkSpec,
  isIsolated: boolean,
): string[] {
  const [first = ""] = ipv6.prefix.split("/");
  return [
    "enable-ra",
    `ra-param=${bridgeName},mtu:${mtu},60,${isIsolated ? 0 : 1800}`,
    `dhcp-range=${first},static,slaac,64,${leaseTime}`,
    `dhcp-option=option6:dns-server,[${ipv6.gateway}]`,
  ];
}

/** Who gets which address: one line per NIC. */
export function reservationLines(nics: readonly KnownNic[]): string {
  return lines(
    nics
      .filter((nic) => nic.address4 !== undefined || nic.address6 !== undefined)
      .map(({ mac, address4, address6, hostName }) =>
        [mac, address4, address6 && `[${address6}]`, hostName, leaseTime]
          .filter((part) => part !== undefined && part !== "")
          .join(","),
      ),
  );
}

/** Who is called what: known before, and whether or not, the guest has asked for its address. */
export function hostLines(nics: readonly KnownNic[], spec: CompleteNetworkSpec): string {
  const gateways = [spec.ipv4?.gateway, spec.ipv6?.gateway].filter((address) => address !== undefined);
  return lines([
    ...gateways.map((address) => `${address} gateway.${spec.domain}`),
    ...nics.flatMap(({ hostName, address4, address6 }) =>
      hostName === undefined
        ? []
        : [address4, address6]
            .filter((address) => address !== undefined)
            .map((address) => `${address} ${hostName}.${spec.domain} ${hostName}`),
    ),
  ]);
}

const lines = (all: string[]): string => all.map((line) => `${line}\n`).join("");
