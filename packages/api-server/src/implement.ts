import type { BodyOf, ParamsOf, QueryOf, Route } from "@serai/api-contract/route";
import type { Actor } from "@serai/control/services/actor";
import type { Context } from "@serai/control/services/request";
import type { Services } from "@serai/control/services/services";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Reply } from "./reply.ts";
import type { SocketUser } from "./web-socket.ts";

/** What a handler gets: the request, validated, and who sent it. */
export type Call<R extends Route> = {
  params: ParamsOf<R>;
  query: QueryOf<R>;
  body: BodyOf<R>;
  actor: Actor;
  context: Context;
  /** Fires when the client is gone. */
  signal: AbortSignal;
  request: FastifyRequest;
  reply: FastifyReply;
};

export type Server = {
  services: Services;
  version: string;
  publicUrl: () => string;
  countGuess: (request: FastifyRequest) => void;
};

export type Handler<R extends Route> = (call: Call<R>, server: Server) => Reply | Promise<Reply>;
/** Everything that can fail is done before the upgrade, so that it fails as an ordinary reply. */
export type SocketHandler<R extends Route> = (
  call: Call<R>,
  server: Server,
) => SocketUser | Promise<SocketUser>;

export type Implementation =
  | { route: Route; handle: Handler<Route> }
  | { route: Route; connect: SocketHandler<Route> };

/** Ties a handler to its route of the contract. */
export function implement<R extends Route>(route: R, handle: Handler<R>): Implementation {
  return { route, handle: handle as unknown as Handler<Route> };
}

export function implementSocket<R extends Route & { webSocket: object }>(
  route: R,
  connect: SocketHandler<R>,
): Implementation {
  return { route, connect: connect as unknown as SocketHandler<Route> };
}
