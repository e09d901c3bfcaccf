import * as routes from "@serai/api-contract/routes/images";
import { implement, type Implementation } from "../implement.ts";
import { withoutIdleEnd } from "../without-idle-end.ts";
import { accepted, ok, okObject, okPage } from "../reply.ts";

export const imageHandlers: Implementation[] = [
  implement(routes.listImages, ({ query, actor }, { services }) =>
    okPage(services.images.list(query, actor)),
  ),

  implement(routes.getImage, ({ params, actor }, { services }) =>
    okObject(services.images.get(params.image, actor)),
  ),

  implement(routes.createImage, async ({ body, context, signal }, { services }) =>
    accepted(await services.images.declare(body, context, signal)),
  ),

  implement(routes.uploadImage, async ({ params, query, actor, signal, request }, { services }) => {
    const content = { offset: query.offset ?? 0, chunks: request.raw };
    return okObject(await services.images.receive(params.image, content, actor, signal));
  }),

  implement(routes.exportImage, async ({ params, query, actor, signal, request }, { services }) => ({
    status: 200,
    file: await withoutIdleEnd(request, () =>
      services.host.exportImage(params.image, query.format, actor, signal),
    ),
  })),

  implement(routes.deleteImage, async ({ params, context, signal }, { services }) =>
    accepted(await services.images.delete(params.image, context, signal)),
  ),

  implement(routes.listCatalogue, ({ actor }, { services }) =>
    ok({ items: services.images.catalogue(actor) }),
  ),
];
