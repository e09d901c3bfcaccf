import { randomBytes } from "node:crypto";
import { absent, type ControlParts } from "../parts.ts";
import { planNetworkCreation } from "./network-service.ts";

const onceKey = "/settings/default-network";

/**
 * Declares the network `default` at the first start on a host that can have networks, and never again: whoever
 * deletes it means it. It exists on the host only while a VM uses it.
 */
export async function declareDefaultNetwork(parts: ControlParts, signal: AbortSignal): Promise<void> {
  const feature = parts.hostFacts.known()?.features.find(({ name }) => name === "networks");
  if (feature?.isAvailable !== true) return;
  if ((await parts.store.get(onceKey, signal)) !== undefined) return;
  const prefix = `fd${randomBytes(5)
    .toString("hex")
    .replace(/^(..)(....)(....)$/, "$1:$2:$3")}::/64`;
  const spec = {
    name: "default",
    kind: "nat",
    ipv4: { subnet: "10.77.0.0/24" },
    ipv6: { prefix: short(prefix) },
  } as const;
  const operation = await parts.commit(() => {
    const isNameFree = parts.view.networks.idOf(spec.name) === undefined;
    const plan = isNameFree
      ? planNetworkCreation(parts, spec, { actor: { name: "serai", role: "admin" }, isBuiltin: true })
      : undefined;
    return {
      result: plan?.result,
      txn: {
        when: [absent(onceKey), ...(plan?.txn?.when ?? [])],
        then: [{ put: onceKey, value: "{}" }, ...(plan?.txn?.then ?? [])],
      },
    };
  }, signal);
  if (operation !== undefined) parts.nudge("network", operation.target.id);
}

/** Leading zeros of a group are not part of an address as our schemas write it. */
const short = (prefix: string): string => prefix.replaceAll(/:0+(?=[0-9a-f])/g, ":");
