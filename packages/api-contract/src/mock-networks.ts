import { Fault } from "@serai/kit/fault";
import { completeNetworkSpec } from "@serai/model/complete-network-spec";
import { networkView, type NetworkSpec } from "@serai/model/network";
import type { Operation } from "@serai/model/operation";
import type { MockState } from "./mock-state.ts";
import { succeed } from "./mock-vms.ts";
import type { NetworkView } from "./schemas.ts";

export const mockNetworks = (state: MockState): NetworkView[] =>
  [...state.networks.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));

export function findMockNetwork(state: MockState, reference: string): NetworkView {
  const found = mockNetworks(state).find(({ id, name }) => id === reference || name === reference);
  if (found !== undefined) return found;
  throw new Fault("network.not_found", `There is no network ${reference}.`);
}

export function mockCreateNetwork(state: MockState, spec: NetworkSpec): Operation {
  if (mockNetworks(state).some(({ name }) => name === spec.name)) {
    throw new Fault("name.taken", `There is already a network called ${spec.name}: choose another name.`);
  }
  const at = state.now();
  const id = state.nextId("net");
  const complete = completeNetworkSpec(
    spec.kind === "nat" && !spec.ipv4 ? { ...spec, ipv4: { subnet: "10.77.1.0/24" } } : spec,
  );
  const record = {
    id,
    project: "default",
    spec: complete,
    isDeleting: false,
    generation: 1,
    createdAt: at,
    updatedAt: at,
  };
  return state.begin("network.create", { kind: "network", id, name: spec.name }, [
    (operation) => {
      const { fault: _fault, ...view } = networkView(
        record,
        { network: id, generation: 1, updatedAt: at },
        [],
      );
      state.networks.set(id, view as NetworkView);
      succeed(state, operation);
    },
  ]);
}

export function mockDeleteNetwork(state: MockState, { id, name }: NetworkView): Operation {
  return state.begin("network.delete", { kind: "network", id, name }, [
    (operation) => {
      state.networks.delete(id);
      succeed(state, operation);
    },
  ]);
}
