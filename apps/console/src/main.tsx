import "@patternfly/react-core/dist/styles/base.css";
import "./styles/theme.css";
import "./styles/console.css";
import { createClient } from "@serai/api-contract/client";
import { fetchTransport } from "@serai/api-contract/fetch-transport";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ServicesContext, type Services } from "./app/services.ts";
import { createToasts } from "./app/toasts.ts";
import { createAppRouter } from "./app/router.tsx";
import { createUploads } from "./image/uploads.ts";
import { shouldRetry } from "./api/fault-words.ts";
import { createLiveStore } from "./live/live-store.ts";
import { createUsageHistory } from "./live/usage-history.ts";

const client = createClient(fetchTransport(""));
const services: Services = {
  client,
  live: createLiveStore(),
  usage: createUsageHistory(),
  toasts: createToasts(),
  uploads: createUploads(client),
};
const queries = new QueryClient({ defaultOptions: { queries: { retry: shouldRetry, staleTime: 5_000 } } });
const router = createAppRouter();

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <ServicesContext value={services}>
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </ServicesContext>
  </StrictMode>,
);
