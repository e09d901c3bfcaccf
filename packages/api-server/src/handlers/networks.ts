import * as routes from "@serai/api-contract/routes/networks";
import { implement, type Implementation } from "../implement.ts";
import { accepted, okObject, okPage } from "../reply.ts";

export const networkHandlers: Implementation[] = [
  implement(routes.listNetworks, ({ query, actor }, { services }) =>
    okPage(services.networks.list(query, actor)),
  ),

  implement(routes.getNetwork, ({ params, actor }, { services }) =>
    okObject(services.networks.get(params.network, actor)),
  ),

  implement(routes.createNetwork, async ({ body, context, signal }, { services }) =>
    accepted(await services.networks.create(body, context, signal)),
  ),

  implement(routes.changeNetwork, async ({ params, body, context, signal }, { services }) =>
    accepted(await services.networks.change(params.network, body, context, signal)),
  ),

  implement(routes.deleteNetwork, async ({ params, context, signal }, { services }) =>
    accepted(await services.networks.delete(params.network, context, signal)),
  ),

  implement(routes.listSecurityGroups, ({ query, actor }, { services }) =>
    okPage(services.securityGroups.list(query, actor)),
  ),

  implement(routes.getSecurityGroup, ({ params, actor }, { services }) =>
    okObject(services.securityGroups.get(params.group, actor)),
  ),

  implement(routes.createSecurityGroup, async ({ body, context, signal }, { services }) =>
    accepted(await services.securityGroups.create(body, context, signal)),
  ),

  implement(routes.changeSecurityGroup, async ({ params, body, context, signal }, { services }) =>
    accepted(await services.securityGroups.change(params.group, body, context, signal)),
  ),

  implement(routes.deleteSecurityGroup, async ({ params, context, signal }, { services }) =>
    accepted(await services.securityGroups.delete(params.group, context, signal)),
  ),
];
