import * as routes from "@serai/api-contract/routes/vms";
import { implement, implementSocket, type Implementation } from "../implement.ts";
import { relaySocket } from "../relay-socket.ts";
import { accepted, ok, okObject, okPage } from "../reply.ts";
import { withoutIdleEnd } from "../without-idle-end.ts";

type PowerRoute = Omit<typeof routes.startVm, "path" | "summary"> & { path: string; summary: string };

const power = (route: PowerRoute, verb: "start" | "pause" | "resume" | "reset" | "suspend") =>
  implement(route, async ({ params, context, signal }, { services }) =>
    accepted(await services.vms.requestPower(params.vm, { verb }, context, signal)),
  );

export const vmHandlers: Implementation[] = [
  implement(routes.listVms, ({ query, actor }, { services }) => okPage(services.vms.list(query, actor))),

  implement(routes.getVm, ({ params, actor }, { services }) => okObject(services.vms.get(params.vm, actor))),

  implement(routes.createVm, async ({ body, query, context, signal }, { services }) =>
    accepted(await services.vms.create(body, query, context, signal)),
  ),

  implement(routes.cloneVm, async ({ params, body, context, signal }, { services }) =>
    accepted(await services.vms.clone(params.vm, body, context, signal)),
  ),

  implement(routes.changeVm, async ({ params, body, context, signal }, { services }) =>
    accepted(await services.vms.change(params.vm, body, context, signal)),
  ),

  implement(routes.deleteVm, async ({ params, query, context, signal }, { services }) =>
    accepted(await services.vms.delete(params.vm, query, context, signal)),
  ),

  power(routes.startVm, "start"),
  power(routes.pauseVm, "pause"),
  power(routes.resumeVm, "resume"),
  power(routes.resetVm, "reset"),
  power(routes.suspendVm, "suspend"),

  implement(routes.stopVm, async ({ params, body, context, signal }, { services }) => {
    const { force, deadlineSeconds } = body;
    const request = {
      verb: "stop",
      ...(force !== undefined && { isForced: force }),
      ...(deadlineSeconds !== undefined && { deadlineSeconds }),
    } as const;
    return accepted(await services.vms.requestPower(params.vm, request, context, signal));
  }),

  implement(routes.execInVm, async ({ params, body, actor, signal, request }, { services }) => {
    request.raw.socket.setTimeout(0); // the guest's program may be silent for longer than an idle client may
    return ok(await services.host.exec(params.vm, body, actor, signal));
  }),

  implement(routes.exportVm, async ({ params, query, actor, signal, request }, { services }) => ({
    status: 200,
    file: await withoutIdleEnd(request, () => services.host.exportVm(params.vm, query, actor, signal)),
  })),

  implement(routes.screenshotVm, async ({ params, actor, signal }, { services }) => ({
    status: 200,
    bytes: { contentType: "image/png", content: await services.host.screenshot(params.vm, actor, signal) },
  })),

  implementSocket(routes.vmSerial, async ({ params, actor, signal }, { services }) =>
    relaySocket(await services.host.openStream(params.vm, "serial", actor, signal)),
  ),

  implementSocket(routes.vmDisplay, async ({ params, actor, signal }, { services }) =>
    relaySocket(await services.host.openStream(params.vm, "display", actor, signal)),
  ),
];
