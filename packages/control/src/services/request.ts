import type { Actor } from "./actor.ts";

/** What every changing request carries besides its arguments. */
export type Context = {
  actor: Actor;
  /** With the same key and arguments, the first answer is given again (for a day). */
  idempotencyKey?: string;
  /** From `If-Match`: refuse with `request.precondition_failed` when the object has another generation. */
  expectedGeneration?: number;
};

export type PageRequest = { limit?: number; after?: string };

/** Objects come as JSON text, made once per revision: a list is a join. */
export type JsonPage = { items: string[]; next?: string; revision: number };

/** One object as clients see it. `generation` is its ETag. */
export type JsonObject = { id: string; generation: number; json: string };

export const defaultPageSize = 1000;
