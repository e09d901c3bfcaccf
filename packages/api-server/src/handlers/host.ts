import * as routes from "@serai/api-contract/routes/host";
import { implement, type Implementation } from "../implement.ts";
import { ok } from "../reply.ts";

export const hostHandlers: Implementation[] = [
  implement(routes.getHost, async ({ actor, signal }, { services }) =>
    ok(await services.host.report(actor, signal)),
  ),

  implement(routes.getHostUsage, async ({ actor, signal }, { services }) =>
    ok(await services.host.usage(actor, signal)),
  ),

  implement(routes.getHealth, (_call, { version }) => ok({ status: "ok", version })),
];
