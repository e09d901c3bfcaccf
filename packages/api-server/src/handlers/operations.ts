import * as routes from "@serai/api-contract/routes/operations";
import { implement, type Implementation } from "../implement.ts";
import { okObject, okPage } from "../reply.ts";

export const operationHandlers: Implementation[] = [
  implement(routes.listOperations, ({ query, actor }, { services }) =>
    okPage(services.operations.list(query, actor)),
  ),

  implement(routes.getOperation, async ({ params, query, actor, signal }, { services }) =>
    okObject(await services.operations.get(params.operation, query, actor, signal)),
  ),

  implement(routes.cancelOperation, async ({ params, actor, signal }, { services }) =>
    okObject(await services.operations.cancel(params.operation, actor, signal)),
  ),

  implement(routes.listEvents, async ({ query, actor, signal }, { services }) =>
    okPage(await services.events.list(query, actor, signal)),
  ),
];
