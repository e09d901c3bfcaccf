import type { HostReport } from "@serai/model/host";
import { needs, type FeatureReport, type Need } from "@serai/network/features";

const titles: readonly [name: string, needed: readonly Need[], note: string][] = [
  ["networks", ["network", "addresses", "nat"], "NAT and isolated networks can be made"],
  ["bridged networks", ["network", "bridged"], "a network can be one with an interface of this host"],
  ["vlan", ["network", "bridged", "vlan"], "bridged networks can have a VLAN tag"],
  ["security groups", ["network", "securityGroups"], "rules for what each NIC receives and sends"],
  ["bandwidth limits", ["network", "bandwidth"], "NICs can be limited both ways"],
];

/** What this host can do with networks, for people and for control; undefined where there is no driver at all. */
export function networkFeatures(features: readonly FeatureReport[] | undefined): HostReport["features"] {
  return titles.map(([name, needed, note]) => {
    if (features === undefined) return { name, isAvailable: false, note: "needs root" };
    const wanted = new Set<string>(needed.flatMap((need) => needs[need]));
    const missing = features.filter((one) => wanted.has(one.feature) && !one.works);
    const reason = missing.map((one) => `${one.title} (${one.reason ?? "no reason given"})`).join(", ");
    return { name, isAvailable: missing.length === 0, note: missing.length === 0 ? note : `lacks ${reason}` };
  });
}
