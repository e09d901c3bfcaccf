import assert from "node:assert/strict";
import { test } from "node:test";
import type { Route } from "@serai/api-contract/route";
import { routes } from "@serai/api-contract/routes";
import { admin, controlWorld } from "@serai/control/testing/control-world";
import { bearer, startApi } from "./api-world.ts";
import { requestFor } from "./request-for.ts";

/** The real services behind the real server: it is they who know what a role may. */
const world = await controlWorld();
const api = await startApi(world.services, {
  limits: { strangerRate: { perSecond: 1e6, burst: 1e6 }, guessRate: { perSecond: 1e6, burst: 1e6 } },
});
test.after(async () => {
  await api.close();
  await world[Symbol.asyncDispose]();
});

const ranked = ["viewer", "operator", "admin"] as const;
const secretOf = async (role: (typeof ranked)[number]) =>
  (await world.services.access.createToken({ name: role, role }, admin, AbortSignal.timeout(10_000))).secret;
const secrets = {
  viewer: await secretOf("viewer"),
  operator: await secretOf("operator"),
  admin: await secretOf("admin"),
};

// Without an upgrade the way to a WebSocket ends before any role is looked at.
const guarded = (Object.entries(routes) as [string, Route][]).filter(
  ([, route]) => route.access !== "public" && !route.webSocket,
);

for (const [name, route] of guarded) {
  test(`${name}: is for ${route.access} and above, whether or not what it names exists`, async () => {
    const { path, ...request } = requestFor(name, route);
    for (const role of ranked) {
      const headers = { ...request.headers, ...bearer(secrets[role]) };
      const { status, text } = await api.send(path, { ...request, method: route.method, headers });
      const isAllowed = ranked.indexOf(role) >= ranked.indexOf(route.access as typeof role);
      assert.equal(status === 403, !isAllowed, `${role}: ${status} ${text.slice(0, 200)}`);
      assert.ok(status < 500 || status === 503, `${role}: ${status} ${text.slice(0, 200)}`);
    }
  });
}
