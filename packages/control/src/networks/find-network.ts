import { Fault } from "@serai/kit/fault";
import type { NetworkEntry } from "../view/network-shelf.ts";
import type { SecurityGroupEntry } from "../view/security-group-shelf.ts";
import { findByReference } from "../view/find-by-reference.ts";
import type { View } from "../view/view.ts";

/** Throws `network.not_found` or `name.ambiguous`. */
export function findNetwork(view: View, reference: string): NetworkEntry {
  const id = findByReference(view.networks, reference, {
    noun: "network",
    notFound: "network.not_found",
    nameOf: (candidate) => view.networks.nameOf(candidate),
  });
  return view.networks.get(id) as NetworkEntry;
}

/** Throws `security_group.not_found` or `name.ambiguous`. */
export function findSecurityGroup(view: View, reference: string): SecurityGroupEntry {
  const id = findByReference(view.securityGroups, reference, {
    noun: "security group",
    notFound: "security_group.not_found",
    nameOf: (candidate) => view.securityGroups.get(candidate)?.record.spec.name ?? candidate,
  });
  return view.securityGroups.get(id) as SecurityGroupEntry;
}

export const networkNotFound = (name: string): Fault =>
  new Fault("network.not_found", `There is no network called ${name}: list them to see which there are.`);
