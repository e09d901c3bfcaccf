import * as routes from "@serai/api-contract/routes/snapshots";
import { implement, type Implementation } from "../implement.ts";
import { accepted, okObject, okPage } from "../reply.ts";

export const snapshotHandlers: Implementation[] = [
  implement(routes.listSnapshots, ({ params, actor }, { services }) =>
    okPage(services.snapshots.list(params.vm, actor)),
  ),

  implement(routes.getSnapshot, ({ params, actor }, { services }) =>
    okObject(services.snapshots.get(params.vm, params.snapshot, actor)),
  ),

  implement(routes.createSnapshot, async ({ params, body, context, signal }, { services }) => {
    const { memory, ...rest } = body;
    const wish = { ...rest, ...(memory !== undefined && { hasMemory: memory }) };
    return accepted(await services.snapshots.create(params.vm, wish, context, signal));
  }),

  implement(routes.revertToSnapshot, async ({ params, context, signal }, { services }) =>
    accepted(await services.snapshots.revert(params.vm, params.snapshot, context, signal)),
  ),

  implement(routes.deleteSnapshot, async ({ params, context, signal }, { services }) =>
    accepted(await services.snapshots.delete(params.vm, params.snapshot, context, signal)),
  ),
];
