import { fileEnding } from "@serai/model/image-format";
import type { ControlParts } from "../parts.ts";
import { authorize, type Actor } from "./actor.ts";
import { findReadyImage } from "./find-image.ts";
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
    exportImage: async (reference, format, actor, signal) => {
      authorize(actor, "operator");
      const { id, name } = findReadyImage(view, reference).record;
      return { ...(await host.exportImage(id, format, signal)), fileName: `${name}.${fileEnding(format)}` };
    },
    exportVm: async (reference, wish, actor, signal) => {
      authorize(actor, "operator");
      const { id, spec } = findVm(view, reference).record;
      const disk = wish.format === "ova" ? "" : `-${wish.disk ?? spec.disks[0]?.name ?? ""}`;
      return {
        ...(await host.exportVm(id, wish, signal)),
        fileName: `${spec.name}${disk}.${fileEnding(wish.format)}`,
      };
    },
    openStream: async (reference, stream, actor, signal) =>
      host.openStream(find(reference, actor, "operator"), stream, signal),
  };
}
