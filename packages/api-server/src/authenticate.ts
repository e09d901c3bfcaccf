import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Access } from "@serai/api-contract/route";
import type { Actor } from "@serai/control/services/actor";
import type { AccessService } from "@serai/control/services/services";
import { Fault } from "@serai/kit/fault";
import { refuseCrossSite } from "./cross-site.ts";
import type { Limits } from "./limits.ts";
import { createRateLimiter, networkOf } from "./rate-limit.ts";
import { readSession } from "./session-cookie.ts";

export type Authenticator = {
  /** Who asks; undefined for a stranger on a public route. Throws `auth.required`, `auth.forbidden`, `request.too_many`. */
  identify(request: IncomingMessage, access: Access): Actor | undefined;
  /** Counts a guess at a secret against its address. */
  countGuess(request: IncomingMessage): void;
};

export type AuthenticatorOptions = {
  access: AccessService;
  isTrustedPeer: (socket: Socket) => boolean;
  limits: Limits;
  nowMs: () => number;
};

const localActor: Actor = { name: "local", role: "admin" };
const safeMethods = new Set(["GET", "HEAD"]);
const bearer = /^Bearer +([\x21-\x7e]{1,200})$/i;

export const isSecure = (request: IncomingMessage): boolean =>
  (request.socket as TLSSocket).encrypted === true;

/** Tells callers apart: API token, then session cookie, then the peer of the local socket. */
export function createAuthenticator({
  access,
  isTrustedPeer,
  limits,
  nowMs,
}: AuthenticatorOptions): Authenticator {
  const actors = createRateLimiter(limits.actorRate, nowMs);
  const strangers = createRateLimiter(limits.strangerRate, nowMs);
  const guesses = createRateLimiter(limits.guessRate, nowMs);
  const peers = new WeakMap<Socket, boolean>(); // who the peer is cannot change while it is connected

  const isPeerTrusted = (socket: Socket): boolean => {
    if (socket.remoteAddress !== undefined) return false;
    let isTrusted = peers.get(socket);
    if (isTrusted === undefined) {
      isTrusted = isTrustedPeer(socket);
      peers.set(socket, isTrusted);
    }
    return isTrusted;
  };

  const countGuess = (request: IncomingMessage) => guesses.take(networkOf(request.socket.remoteAddress));

  const fromSecrets = (request: IncomingMessage): Actor | undefined => {
    const { authorization, cookie } = request.headers;
    if (authorization !== undefined) {
      const actor = access.actorOfToken(bearer.exec(authorization)?.[1] ?? "");
      if (actor !== undefined) return actor;
      countGuess(request);
      throw new Fault(
        "auth.bad_credentials",
        "This token is not valid, or no longer; make a new one with `serai login` or in the console.",
      );
    }
    const session = readSession(cookie, isSecure(request));
    if (session === undefined) return undefined;
    const actor = access.actorOfSession(session);
    if (actor === undefined) countGuess(request);
    else if (!safeMethods.has(request.method ?? "") || request.headers.upgrade !== undefined) {
      refuseCrossSite(request, isSecure(request));
    }
    return actor;
  };

  return {
    countGuess,
    identify(request, needed) {
      const actor = needed === "public" ? undefined : fromSecrets(request);
      if (actor !== undefined) {
        actors.take(actor.name);
        return actor;
      }
      if (isPeerTrusted(request.socket)) return localActor;
      strangers.take(networkOf(request.socket.remoteAddress));
      if (needed === "public") return undefined;
      throw new Fault(
        "auth.required",
        "Log in first: send an API token as `Authorization: Bearer …`, or open the console and log in.",
      );
    },
  };
}
