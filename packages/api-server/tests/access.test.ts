import assert from "node:assert/strict";
import { test } from "node:test";
import type { Route } from "@serai/api-contract/route";
import { routes } from "@serai/api-contract/routes";
import { bearer, startApi } from "./api-world.ts";
import { fakeServices, secrets, session } from "./fake-services.ts";
import { requestFor } from "./request-for.ts";

const generous = { strangerRate: { perSecond: 1e6, burst: 1e6 }, guessRate: { perSecond: 1e6, burst: 1e6 } };
const api = await startApi(fakeServices(), { limits: generous });

const rank = { viewer: 0, operator: 1, admin: 2 } as const;
/** Roles are the services' business, and the fake ones know no more than these. */
const isCheckedByFake = (name: string, route: Route) =>
  route.access !== "viewer" && !/^(uploadImage|cancelOperation|execInVm|listTokens|vm\w+)$/.test(name);

for (const [name, route] of Object.entries(routes) as [string, Route][]) {
  test(`${name}: strangers get 401 unless it is public, and each role gets what it may`, async () => {
    const { path, body, headers } = requestFor(name, route);
    const ask = async (more: Record<string, string>) => {
      const got = await api.send(path, {
        method: route.method,
        headers: { ...headers, ...more },
        ...(body !== undefined && { body }),
      });
      return got.status;
    };

    const stranger = await ask({});
    const guess = await ask(bearer("nobody"));
    const roles = {
      viewer: await ask(bearer(secrets.viewer)),
      operator: await ask(bearer(secrets.operator)),
      admin: await ask(bearer(secrets.admin)),
    };

    if (route.access === "public") {
      assert.notEqual(stranger, route.path === "/v1/login" ? 200 : 401);
      return;
    }
    assert.deepEqual([stranger, guess], [401, 401]);
    for (const [role, status] of Object.entries(roles)) {
      const isAllowed = rank[role as keyof typeof rank] >= rank[route.access];
      if (route.webSocket) assert.equal(status, 400, "asked without an upgrade");
      else if (isAllowed) assert.ok(status < 300, `${role}: ${status}`);
      else if (isCheckedByFake(name, route)) assert.equal(status, 403, role);
    }
  });
}

const cookie = `__Host-serai=${session}`;
const origin = () => `https://localhost:${api.port}`;
const crossSite = [
  ["the console's own request", { origin: "SELF", "sec-fetch-site": "same-origin" }, 202],
  ["an older browser's own request", { origin: "SELF" }, 202],
  ["another site", { origin: "https://evil.example", "sec-fetch-site": "cross-site" }, 403],
  ["another port of this host", { origin: "https://localhost:1", "sec-fetch-site": "same-site" }, 403],
  ["a sandboxed frame", { origin: "null" }, 403],
  ["no origin at all", {}, 403],
  [
    "a lie about the origin that the browser does not share",
    { origin: "SELF", "sec-fetch-site": "cross-site" },
    403,
  ],
] as const;

for (const [name, headers, status] of crossSite) {
  test(`with a cookie, ${name} is answered ${status}`, async () => {
    const shown = Object.fromEntries(
      Object.entries(headers).map(([key, value]) => [key, value === "SELF" ? origin() : value]),
    );
    const got = await api.send("/v1/vms/web-1/start", { method: "POST", headers: { cookie, ...shown } });
    assert.equal(got.status, status);
  });
}

test("a cookie reads without an Origin, but opens no WebSocket from another site", async () => {
  const read = await api.send("/v1/me", { headers: { cookie } });
  const socket = api.webSocket("/v1/watch", { cookie, origin: "https://evil.example" });
  const refused = await new Promise<number | undefined>((resolve) => {
    socket.on("error", () => {}); // the refusal below is what counts
    socket.on("open", () => {
      socket.terminate();
      resolve(101);
    });
    socket.on("unexpected-response", (request, reply) => {
      resolve(reply.statusCode);
      request.destroy();
    });
  });

  assert.deepEqual([read.status, read.json()["via"]], [200, "session"]);
  assert.equal(refused, 403);
});

test("a login sets a cookie that scripts and other sites cannot use, and a logout ends it", async () => {
  const headers = { "content-type": "application/json" };
  const login = await api.send("/v1/login", {
    method: "POST",
    headers,
    body: JSON.stringify({ code: "c".repeat(43) }),
  });
  const foreign = await api.send("/v1/login", {
    method: "POST",
    headers: { ...headers, origin: "https://evil.example" },
    body: JSON.stringify({ code: "c".repeat(43) }),
  });
  const logout = await api.send("/v1/logout", { method: "POST", headers: { cookie, origin: origin() } });

  const set = String(login.headers["set-cookie"]);
  assert.equal(login.status, 200);
  for (const part of ["__Host-serai=", "HttpOnly", "Secure", "SameSite=Strict", "Path=/"])
    assert.ok(set.includes(part), part);
  assert.equal(foreign.status, 403);
  assert.match(String(logout.headers["set-cookie"]), /__Host-serai=;.*1970/);
});

test("a plain cookie name is not taken over TLS: another service on this host could have set it", async () => {
  const got = await api.send("/v1/me", { headers: { cookie: `serai=${session}` } });
  assert.equal(got.status, 401);
});

test("the local socket is an administrator's only where its peer is trusted, and is asked once per connection", async () => {
  let asked = 0;
  const trusting = await startApi(fakeServices(), { isTrustedPeer: () => (asked++, true) });

  const refused = await api.sendLocal("/v1/vms");
  const first = await trusting.sendLocal("/v1/me");
  await trusting.sendLocal("/v1/me");
  const overTls = await trusting.send("/v1/me");

  assert.equal(refused.status, 401);
  assert.deepEqual(first.json(), { name: "local", role: "admin", via: "local socket" });
  assert.equal(asked, 1);
  assert.equal(overTls.status, 401);
});

test("guessing tokens or login codes is slowed down; whoever is logged in is not", async () => {
  const strict = await startApi(fakeServices(), { limits: { guessRate: { perSecond: 0.01, burst: 5 } } });
  const guesses: number[] = [];

  for (let at = 0; at < 8; at++)
    guesses.push((await strict.send("/v1/vms", { headers: bearer(`guess-${at}`) })).status);
  const login = await strict.send("/v1/login", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ code: "c".repeat(43) }),
  });
  const legitimate = await strict.send("/v1/vms", { headers: bearer(secrets.viewer) });

  assert.deepEqual(guesses, [401, 401, 401, 401, 401, 429, 429, 429]);
  assert.equal(login.status, 429);
  assert.ok(Number(login.headers["retry-after"]) > 0);
  assert.equal(legitimate.status, 200);
});
