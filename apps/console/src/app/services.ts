import type { Client } from "@serai/api-contract/client";
import { createContext, use } from "react";
import type { LiveStore } from "../live/live-store.ts";
import type { UsageHistory } from "../live/usage-history.ts";
import type { Uploads } from "../image/uploads.ts";
import type { Toasts } from "./toasts.ts";

/** Everything the pages share; built once in main.tsx. */
export type Services = {
  client: Client;
  live: LiveStore;
  usage: UsageHistory;
  toasts: Toasts;
  uploads: Uploads;
};

export const ServicesContext = createContext<Services | undefined>(undefined);

export function useServices(): Services {
  const services = use(ServicesContext);
  if (services === undefined) throw new Error("useServices needs a ServicesContext above it");
  return services;
}
