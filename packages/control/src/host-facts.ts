import type { HostReport } from "@serai/model/host";
import { Fault } from "@serai/kit/fault";
import type { HostLink } from "./host-link.ts";

/** The latest report of the host, so that requests need not ask it for what rarely changes. */
export type HostFacts = {
  known(): HostReport | undefined;
  /** Throws `host.unreachable` when the host never reported. */
  needed(): HostReport;
  refresh(signal: AbortSignal): Promise<HostReport>;
};

export function createHostFacts(host: HostLink): HostFacts {
  let report: HostReport | undefined;
  return {
    known: () => report,
    needed: () => {
      if (report !== undefined) return report;
      throw new Fault("host.unreachable", "The host has not reported yet; try again in a moment.");
    },
    refresh: async (signal) => (report = await host.describe(signal)),
  };
}
