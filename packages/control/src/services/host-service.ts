import type { ControlParts } from "../parts.ts";
import { authorize, type Actor } from "./actor.ts";
import { findVm } from "./find-vm.ts";
import type { HostService } from "./services.ts";

/** What only the host can answer, after the actor and the reference were checked here. */
export function createHostService({ view, host, hostFacts }: ControlParts): HostService {
  const find = (reference: string, actor: Actor, role: "viewer" | "operator"): string => {
    authorize(actor, role);
    return findVm(view, reference).record.id;
  };
  return {
    report: async (actor, signal) => {
      authorize(actor, "viewer");
      return hostFacts.refresh(signal);
    },
    usage: async (actor, signal) => {
      authorize(actor, "viewer");
      return host.usage(signal);
    },
    exec: async (reference, request, actor, signal) =>
      host.exec(find(reference, actor, "operator"), request, signal),
    screenshot: async (reference, actor, signal) => host.screenshot(find(reference, actor, "viewer"), signal),
    openStream: async (reference, stream, actor, signal) =>
      host.openStream(find(reference, actor, "operator"), stream, signal),
  };
}
