import { useQuery } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";
import { useServices } from "../app/services.ts";
import type { UsagePoint } from "./usage-history.ts";
import { useLive } from "./use-live.ts";

const everyMs = 2_000;
/** With thousands of VMs one sample is a large reply: ask less often. */
const everyMsWhenMany = 10_000;
const many = 500;

/** Samples the host's usage while the page is visible and someone looks. */
export function useUsagePolling(): void {
  const { client, usage } = useServices();
  const isMany = useLive((state) => state.vms.size > many);
  const isLive = useLive((state) => state.link.phase === "live");
  useQuery({
    queryKey: ["usage"],
    enabled: isLive,
    refetchInterval: isMany ? everyMsWhenMany : everyMs,
    refetchIntervalInBackground: false,
    staleTime: 1_000,
    retry: false,
    queryFn: async ({ signal }) => {
      const sample = await client.call("getHostUsage", {}, signal);
      usage.add(sample);
      return sample.at;
    },
  });
}

export function useVmUsage(vm: string): readonly UsagePoint[] {
  const { usage } = useServices();
  return useSyncExternalStore(usage.subscribe, () => usage.of(vm));
}

export function useHostUsage(): readonly UsagePoint[] {
  const { usage } = useServices();
  return useSyncExternalStore(usage.subscribe, () => usage.host());
}
