import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { openApiDocument } from "@serai/api-contract/openapi";
import { controlWorld } from "@serai/control/testing/control-world";
import { isFaultCode } from "@serai/kit/fault";
import { poll } from "@serai/kit/deadline";
import { isEnded, type Operation } from "@serai/model/operation";
import type { VmRecord } from "@serai/model/vm";
import { openSqliteReader } from "@serai/store/sqlite/sqlite-reader";
import { startApi, type ApiWorld, type Got } from "./api-world.ts";
import { requestMaker, seeded, type FuzzRequest } from "./fuzz-requests.ts";

const count = Number(process.env["SERAI_FUZZ_REQUESTS"] ?? 20_000);
const seed = Number(process.env["SERAI_FUZZ_SEED"] ?? Date.now() % 2 ** 31);
const inFlight = 32;

const world = await controlWorld();
const api = await startApi(world.services, {
  isTrustedPeer: () => true,
  limits: { guessRate: { perSecond: 1e6, burst: 1e6 } },
});
const reader = openSqliteReader(join(world.directory, "store.db"));
test.after(async () => {
  reader.close();
  await api.close();
  await world[Symbol.asyncDispose]();
});

/** What is wrong with an answer, if anything is. */
function complaint({ method }: FuzzRequest, got: Got): string | undefined {
  if (got.status < 400) return undefined;
  if (got.status >= 500) return "a server error";
  if (method === "HEAD") return undefined; // has no body
  if (!String(got.headers["content-type"]).startsWith("application/problem+json")) return "no problem+json";
  const problem = got.json();
  if (!isFaultCode(problem["code"])) return `an unknown code ${problem["code"]}`;
  if (problem["status"] !== got.status) return "two statuses";
  const detail = problem["detail"];
  if (typeof detail !== "string" || !/^.{10,}[.)]$/s.test(detail)) return `no sentence: ${String(detail)}`;
  return undefined;
}

async function sendAll(
  world: ApiWorld,
  make: () => FuzzRequest,
  ids: string[],
): Promise<Map<number, number>> {
  const statuses = new Map<number, number>();
  let sent = 0;
  const worker = async () => {
    while (sent++ < count) {
      const request = make();
      const got = await world.sendLocal(request.path, request).catch((error: unknown) => {
        throw new Error(`seed ${seed}: no answer to ${JSON.stringify(request).slice(0, 600)}`, {
          cause: error,
        });
      });
      const wrong = complaint(request, got);
      assert.equal(
        wrong,
        undefined,
        `seed ${seed}: ${JSON.stringify(request).slice(0, 1000)} got ${got.status}: ${got.text.slice(0, 500)} ${world.errors.at(-1) ?? ""}`,
      );
      statuses.set(got.status, (statuses.get(got.status) ?? 0) + 1);
      if (got.status === 202) remember(got, ids);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return statuses;
}

function remember(got: Got, ids: string[]): void {
  const operation = got.json() as unknown as Operation;
  ids.push(operation.id, operation.target.id);
  if (ids.length > 40) ids.splice(0, 20);
}

const keys = (prefix: string): string[] => reader.range(prefix).map(({ key }) => key);
const read = <T>(prefix: string): [key: string, value: T][] =>
  reader.range(prefix).map(({ key, value }) => [key, JSON.parse(value) as T]);

test(
  `${count} requests fuzzed from the OpenAPI document: no 5xx, no crash, no half-made thing`,
  { timeout: 300_000 },
  async (t) => {
    t.diagnostic(`seed ${seed}`);
    const ids: string[] = [];
    const make = requestMaker(openApiDocument("1"), seeded(seed), ids);

    const statuses = await sendAll(api, make, ids);

    t.diagnostic(
      [...statuses]
        .toSorted(([a], [b]) => a - b)
        .map(([status, times]) => `${status}: ${times}`)
        .join(", "),
    );
    assert.deepEqual(api.errors, []);
    assert.equal((await api.sendLocal("/v1/health")).status, 200);
    // The generator is only worth something when it reaches the depth of the services.
    for (const status of [200, 202, 400, 401, 404, 405, 409, 412, 415])
      assert.ok((statuses.get(status) ?? 0) > count / 5000, `only ${statuses.get(status) ?? 0} × ${status}`);

    // An upload that nobody sends waits legitimately; whatever else was asked for must come to an end.
    const uploads = new Set(
      read<{ id: string; source: { kind: string } }>("/images/").flatMap(([, image]) =>
        image.source.kind === "upload" ? [image.id] : [],
      ),
    );
    const open = () =>
      read<Operation>("/operations/")
        .map(([, operation]) => operation)
        .filter((operation) => !isEnded(operation) && !uploads.has(operation.target.id));
    await poll(
      { ms: 30_000, everyMs: 50, code: "request.timeout", message: "Operations never ended." },
      AbortSignal.timeout(40_000),
      () => open().length === 0 || undefined,
    ).catch(() => assert.deepEqual(open(), []));

    const vms = read<VmRecord>("/vms/").map(([, vm]) => vm);
    assert.ok(vms.length > 0);
    assert.deepEqual(
      keys("/vm-names/").toSorted(),
      vms.map((vm) => `/vm-names/${vm.project}/${vm.spec.name}`).toSorted(),
    );
    const images = read<{ id: string; project: string; name: string }>("/images/").map(([, image]) => image);
    assert.deepEqual(
      keys("/image-names/").toSorted(),
      images.map((image) => `/image-names/${image.project}/${image.name}`).toSorted(),
    );
    const known = new Set([...vms.map(({ id }) => id), ...images.map(({ id }) => id)]);
    const { vms: heldVms, images: heldImages } = world.host.holdings();
    assert.deepEqual(
      [...heldVms, ...heldImages].filter((id) => !known.has(id)),
      [],
    );
    for (const id of world.host.processes())
      assert.ok(
        ["running", "paused"].includes(vms.find((vm) => vm.id === id)?.power ?? ""),
        `${id} has a process that nobody wants`,
      );
  },
);
