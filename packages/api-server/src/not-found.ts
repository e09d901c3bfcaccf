import { routes } from "@serai/api-contract/routes";
import type { Route } from "@serai/api-contract/route";
import { Fault } from "@serai/kit/fault";

const patterns = Object.values(routes).map((route: Route) => ({
  method: route.method,
  pattern: new RegExp(`^${route.path.replaceAll(".", "\\.").replace(/:[A-Za-z]+/g, "[^/]+")}/?$`),
}));

/** Methods that a path of the contract has. */
export function allowedMethods(url: string): string[] {
  const path = url.split("?", 1)[0] ?? "";
  const found = patterns.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
  return [...new Set(found.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method])))].toSorted();
}

/** Why no route took this request: wrong method, or no such path. */
export function noRouteFault(method: string, url: string): Fault {
  const allowed = allowedMethods(url);
  if (allowed.length > 0) {
    return new Fault(
      "request.method_not_allowed",
      `${method} is not possible here; this path takes ${allowed.join(", ")}.`,
      {
        details: { allowed },
      },
    );
  }
  return new Fault("request.unknown_route", "There is nothing at this path; all routes are listed at /docs.");
}
