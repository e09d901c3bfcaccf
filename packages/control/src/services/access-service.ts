import { createHash, randomBytes } from "node:crypto";
import { timestamp } from "@serai/kit/clock";
import { Fault } from "@serai/kit/fault";
import { newId } from "@serai/kit/id";
import { unchanged, absent, putEvent, type ControlParts } from "../parts.ts";
import type { SessionRecord, TokenRecord } from "../view/access-shelf.ts";
import { authorize, type Actor, type Role } from "./actor.ts";
import type { AccessService, TokenView } from "./services.ts";

const linkMs = 10 * 60_000;
const sessionMs = 24 * 3_600_000;
const dayMs = 86_400_000;
const maxTokens = 1000;

/** Key: `/login-links/<hash of its code>`. */
type LoginLink = { name: string; role: Role; expiresAt: string };

const linkKey = (hash: string) => `/login-links/${hash}`;
const sessionKey = (hash: string) => `/sessions/${hash}`;
const tokenKey = (id: string) => `/tokens/${id}`;

/**
 * Login links, sessions and API tokens. Secrets have 256 random bits, so a plain SHA-256 keeps them: there is
 * nothing to guess. Only hashes are stored; a secret is shown once, to whoever asked for it.
 */
export function createAccessService(parts: ControlParts): AccessService {
  return { ...createLogins(parts), ...createTokens(parts) };
}

type TokenMethods = "actorOfToken" | "listTokens" | "createToken" | "deleteToken";

const isAlive = ({ clock }: ControlParts, expiresAt: string | undefined): boolean =>
  expiresAt === undefined || Date.parse(expiresAt) > clock.nowMs();
const inMs = ({ clock }: ControlParts, ms: number): string => new Date(clock.nowMs() + ms).toISOString();

function createLogins(parts: ControlParts): Omit<AccessService, TokenMethods> {
  const { view, clock } = parts;
  return {
    createLoginLink: async (actor, signal) => {
      authorize(actor, "admin");
      const code = newSecret();
      const link: LoginLink = { name: actor.name, role: actor.role, expiresAt: inMs(parts, linkMs) };
      const key = linkKey(hashOf(code));
      const txn = { when: [absent(key)], then: [{ put: key, value: JSON.stringify(link) }] };
      await parts.commit(() => ({ txn, result: undefined }), signal);
      return { code, expiresAt: link.expiresAt };
    },
    login: async (code, signal) => {
      const session = newSecret();
      const expiresAt = inMs(parts, sessionMs);
      const actor = await parts.commit(async () => {
        const found = await parts.store.get(linkKey(hashOf(code)), signal);
        const link = found && (JSON.parse(found.value) as LoginLink);
        if (found === undefined || link === undefined || !isAlive(parts, link.expiresAt)) throw badLink();
        const record: SessionRecord = {
          name: link.name,
          role: link.role,
          createdAt: timestamp(clock),
          expiresAt,
        };
        return {
          result: { name: link.name, role: link.role },
          txn: {
            when: [unchanged(found.key, found.modRevision)],
            then: [
              { delete: found.key },
              { put: sessionKey(hashOf(session)), value: JSON.stringify(record) },
            ],
          },
        };
      }, signal);
      return { session, expiresAt, actor };
    },
    logout: async (session, signal) => {
      const hash = hashOf(session);
      if (view.access.session(hash) === undefined) return;
      await parts.commit(
        () => ({ txn: { then: [{ delete: sessionKey(hash) }] }, result: undefined }),
        signal,
      );
    },
    actorOfSession: (session) => {
      const record = view.access.session(hashOf(session));
      return record && isAlive(parts, record.expiresAt)
        ? { name: record.name, role: record.role }
        : undefined;
    },
  };
}

function createTokens(parts: ControlParts): Pick<AccessService, TokenMethods> {
  const { view, clock } = parts;
  /** Kept in memory only: a write per request would cost more than the figure is worth. */
  const lastUsed = new Map<string, string>();
  return {
    actorOfToken: (secret) => {
      const record = view.access.tokenByHash(hashOf(secret));
      if (record === undefined || !isAlive(parts, record.expiresAt)) return undefined;
      lastUsed.set(record.id, timestamp(clock));
      return { name: record.name, role: record.role };
    },
    listTokens: (actor) => {
      authorize(actor, "admin");
      return view.access.tokens().map((token) => tokenView(token, lastUsed.get(token.id)));
    },
    createToken: async ({ name, role, expiresInDays }, actor, signal) => {
      authorize(actor, "admin");
      if (view.access.tokens().length >= maxTokens) {
        throw new Fault("request.too_many", `There are ${maxTokens} tokens already: revoke some first.`);
      }
      const secret = `serai_${newSecret()}`;
      const token: TokenRecord = {
        id: newId("tok"),
        name,
        role,
        hash: hashOf(secret),
        createdAt: timestamp(clock),
        ...(expiresInDays !== undefined && { expiresAt: inMs(parts, expiresInDays * dayMs) }),
      };
      await writeToken(parts, { token, actor, isNew: true }, signal);
      return { token: tokenView(token, undefined), secret };
    },
    deleteToken: async (reference, actor, signal) => {
      authorize(actor, "admin");
      const found = view.access
        .tokens()
        .filter((token) => token.id === reference || token.name === reference);
      const [token] = found;
      if (token === undefined) throw new Fault("auth.token_not_found", `There is no token ${reference}.`);
      if (found.length > 1) {
        throw new Fault(
          "name.ambiguous",
          `${found.length} tokens are called ${reference}: name one by its id.`,
          {
            details: { candidates: found.map(({ id, name }) => ({ id, name })) },
          },
        );
      }
      await writeToken(parts, { token, actor, isNew: false }, signal);
    },
  };
}

async function writeToken(
  parts: ControlParts,
  { token, actor, isNew }: { token: TokenRecord; actor: Actor; isNew: boolean },
  signal: AbortSignal,
): Promise<void> {
  const event = putEvent(parts, {
    type: isNew ? "token.created" : "token.revoked",
    severity: "info",
    target: { kind: "token", id: token.id, name: token.name },
    actor: actor.name,
    message: isNew
      ? `The API token ${token.name} (${token.role}) was made.`
      : `The API token ${token.name} was revoked.`,
  });
  const key = tokenKey(token.id);
  const write = isNew ? { put: key, value: JSON.stringify(token) } : { delete: key };
  await parts.commit(() => ({ txn: { then: [write, event] }, result: undefined }), signal);
}

function tokenView({ hash: _hash, ...rest }: TokenRecord, lastUsedAt: string | undefined): TokenView {
  return { ...rest, ...(lastUsedAt !== undefined && { lastUsedAt }) };
}

const newSecret = (): string => randomBytes(32).toString("base64url");
const hashOf = (secret: string): string => createHash("sha256").update(secret).digest("hex");
const badLink = (): Fault =>
  new Fault(
    "auth.bad_credentials",
    "This login link was used, or it is too old: make a new one with `serai login`.",
  );
