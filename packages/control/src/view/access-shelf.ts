import type { Role } from "../services/actor.ts";

/** An API token; its secret is kept as a hash only. Key: `/tokens/<id>`. */
export type TokenRecord = {
  id: string;
  name: string;
  role: Role;
  hash: string;
  createdAt: string;
  expiresAt?: string;
};

/** A browser's session. Key: `/sessions/<hash of its secret>`. */
export type SessionRecord = { name: string; role: Role; createdAt: string; expiresAt: string };

/** Tokens and sessions in memory, so that authenticating a request costs one hash and one look-up. */
export class AccessShelf {
  readonly #tokens = new Map<string, TokenRecord>();
  readonly #tokenOfHash = new Map<string, string>();
  readonly #sessions = new Map<string, SessionRecord>();

  tokens(): TokenRecord[] {
    return [...this.#tokens.values()];
  }

  tokenByHash(hash: string): TokenRecord | undefined {
    return this.#tokens.get(this.#tokenOfHash.get(hash) ?? "");
  }

  session(hash: string): SessionRecord | undefined {
    return this.#sessions.get(hash);
  }

  sessions(): IterableIterator<[hash: string, session: SessionRecord]> {
    return this.#sessions.entries();
  }

  put(room: string, id: string, value: string): void {
    if (room === "sessions") this.#sessions.set(id, JSON.parse(value) as SessionRecord);
    if (room !== "tokens") return;
    const token = JSON.parse(value) as TokenRecord;
    this.#tokens.set(id, token);
    this.#tokenOfHash.set(token.hash, id);
  }

  remove(room: string, id: string): void {
    if (room === "sessions") this.#sessions.delete(id);
    if (room !== "tokens") return;
    this.#tokenOfHash.delete(this.#tokens.get(id)?.hash ?? "");
    this.#tokens.delete(id);
  }
}
