import * as routes from "@serai/api-contract/routes/access";
import { isSecure } from "../authenticate.ts";
import { refuseCrossSite } from "../cross-site.ts";
import { implement, type Implementation } from "../implement.ts";
import { created, noContent, ok } from "../reply.ts";
import { endOfSession, readSession, sessionCookie } from "../session-cookie.ts";

export const accessHandlers: Implementation[] = [
  implement(routes.login, async ({ body, signal, request }, { services, countGuess }) => {
    // Without this a foreign page could log a visitor in as somebody else and watch what they do.
    if (request.headers.origin !== undefined) refuseCrossSite(request.raw, isSecure(request.raw));
    countGuess(request);
    const { session, expiresAt, actor } = await services.access.login(body.code, signal);
    const cookie = sessionCookie(session, expiresAt, isSecure(request.raw));
    return { ...ok({ ...actor, via: "session" }), headers: { "set-cookie": cookie } };
  }),

  implement(routes.logout, async ({ signal, request }, { services }) => {
    const session = readSession(request.headers.cookie, isSecure(request.raw));
    if (session !== undefined) await services.access.logout(session, signal);
    return { ...noContent, headers: { "set-cookie": endOfSession(isSecure(request.raw)) } };
  }),

  implement(routes.getMe, ({ actor, request }) =>
    ok({ name: actor.name, role: actor.role, via: viaOf(request) }),
  ),

  implement(routes.createLoginLink, async ({ actor, signal }, { services, publicUrl }) => {
    const { code, expiresAt } = await services.access.createLoginLink(actor, signal);
    // After the #: a code in the fragment never reaches a server's log or a Referer.
    return created({ url: `${publicUrl()}/login#${code}`, code, expiresAt });
  }),

  implement(routes.listTokens, ({ actor }, { services }) => ok({ items: services.access.listTokens(actor) })),

  implement(routes.createToken, async ({ body, actor, signal }, { services }) =>
    created(await services.access.createToken(body, actor, signal)),
  ),

  implement(routes.deleteToken, async ({ params, actor, signal }, { services }) => {
    await services.access.deleteToken(params.token, actor, signal);
    return noContent;
  }),
];

function viaOf({
  headers,
  socket,
}: {
  headers: { authorization?: string | undefined; cookie?: string | undefined };
  socket: { remoteAddress?: string | undefined };
}): string {
  if (headers.authorization !== undefined) return "token";
  if (headers.cookie !== undefined) return "session";
  return socket.remoteAddress === undefined ? "local socket" : "session";
}
