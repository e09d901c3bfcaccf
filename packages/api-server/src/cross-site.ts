import type { IncomingMessage } from "node:http";
import { Fault } from "@serai/kit/fault";

/**
 * Refuses a request that a browser sends for another site. For requests whose authority is a cookie;
 * a token or the local socket cannot be borrowed by a foreign page.
 */
export function refuseCrossSite({ headers }: IncomingMessage, isSecure: boolean): void {
  const { origin, host } = headers;
  const site = headers["sec-fetch-site"];
  const isSameOrigin = origin !== undefined && origin === `${isSecure ? "https" : "http"}://${host}`;
  // Browsers send Origin with every unsafe request and every WebSocket; one without is not a browser's.
  if (isSameOrigin && (site === undefined || site === "same-origin")) return;
  throw new Fault(
    "auth.forbidden",
    "This request comes from another site; use the console at its own address, or an API token instead of a cookie.",
    { details: { origin: origin?.slice(0, 200) ?? null } },
  );
}
