import { isFault } from "@serai/kit/fault";

/** A fault's own sentence; whatever else it is, in one line. */
export function sentenceOf(error: unknown): string {
  if (isFault(error)) return error.message;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
