import { Fault, isFault } from "@serai/kit/fault";
import type { NetworkSpec } from "@serai/model/network";
import type { VmChange, VmSpec } from "@serai/model/vm-spec";
import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { hostExample } from "./examples.ts";
import { findMockNetwork, mockCreateNetwork, mockDeleteNetwork, mockNetworks } from "./mock-networks.ts";
import { createMockState, fillMockState, type MockState } from "./mock-state.ts";
import { findMock, mockChange, mockCreate, mockDelete, mockPower, note, succeed } from "./mock-vms.ts";
import { problemContentType, problemFrom } from "./problem.ts";
import type { Route } from "./route.ts";
import { routes, type RouteName } from "./routes.ts";
import type { ImageView } from "./schemas.ts";
import type { WatchFrame } from "./watch-frame.ts";

export type MockRequest = {
  method: string;
  path: string;
  headers?: Readonly<Record<string, string | undefined>>;
  body?: string;
};
export type MockReply = { status: number; headers: Record<string, string>; body: string | Uint8Array };

export type MockApi = {
  handle(request: MockRequest): MockReply;
  /** Sends what came after `from` at once, then each change, until the returned function is called. */
  follow(from: number | undefined, listener: (frame: WatchFrame) => void): () => void;
  /** Takes every running operation one step further. Call it from a timer, or from a test. */
  advance(): void;
  readonly state: MockState;
};

export type MockOptions = {
  nowMs: () => number;
  vmCount?: number;
  /** False: every request is an administrator's. */
  needsLogin?: boolean;
};

/** The code that logs in to the mock, for `/login#…`. */
export const mockLoginCode = "mock-login-code-0123456789";
const sessionCookie = "serai-mock=1";

/** An in-memory server of the whole contract, with VMs that behave: for the console's tests and for work on it. */
export function createMockApi({ nowMs, vmCount = 12, needsLogin = false }: MockOptions): MockApi {
  const state = createMockState(() => new Date(nowMs()).toISOString());
  fillMockState(state, vmCount);
  return {
    state,
    advance: () => state.advance(),
    follow(from, listener) {
      for (const frame of state.frames) if (frame.revision > (from ?? state.revision())) listener(frame);
      listener({ revision: state.revision(), kind: "bookmark" });
      return state.listen(listener);
    },
    handle(request) {
      try {
        return dispatch(state, request, needsLogin);
      } catch (error) {
        if (!isFault(error)) throw error;
        const problem = problemFrom(
          {
            code: error.code,
            message: error.message,
            ...(error.details && { details: { ...error.details } }),
          },
          "mock",
        );
        return {
          status: problem.status,
          headers: { "content-type": problemContentType },
          body: JSON.stringify(problem),
        };
      }
    },
  };
}

type Input = { params: Record<string, string>; query: URLSearchParams; body: unknown; cookie: string };
type Answer = (
  state: MockState,
  input: Input,
) => { status: number; value?: unknown; headers?: Record<string, string>; png?: Uint8Array };

function dispatch(state: MockState, request: MockRequest, needsLogin: boolean): MockReply {
  const { pathname, searchParams } = new URL(request.path, "http://mock");
  for (const [name, route] of Object.entries(routes) as [RouteName, Route][]) {
    const params = request.method === route.method ? match(route.path, pathname) : undefined;
    const answer = answers[name];
    if (params === undefined || answer === undefined) continue;
    const cookie = request.headers?.["cookie"] ?? "";
    if (needsLogin && route.access !== "public" && !cookie.includes(sessionCookie)) {
      throw new Fault("auth.required", "Log in first: open the console with a login link.");
    }
    const body = readBody(route, request.body);
    const { status, value, headers, png } = answer(state, { params, query: searchParams, body, cookie });
    return {
      status,
      headers: { "content-type": png ? "image/png" : "application/json", ...headers },
      body: png ?? (value === undefined ? "" : JSON.stringify(value)),
    };
  }
  throw new Fault("request.unknown_route", "There is nothing at this path.");
}

function match(pattern: string, path: string): Record<string, string> | undefined {
  const [wanted, given] = [pattern.split("/"), path.split("/")];
  if (wanted.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [at, part] of wanted.entries()) {
    const shown = decodeURIComponent(given[at] ?? "");
    if (part.startsWith(":")) params[part.slice(1)] = shown;
    else if (part !== shown) return undefined;
  }
  return params;
}

function readBody(route: Route, text: string | undefined): unknown {
  if (route.body === undefined || route.upload !== undefined) return undefined;
  const value: unknown = text === undefined || text === "" ? {} : JSON.parse(text);
  const [issue] = Compile(route.body as TSchema).Errors(value);
  if (issue === undefined) return value;
  throw new Fault(
    "request.malformed",
    `${issue.instancePath.slice(1) || "body"} ${issue.message}; correct it and send the request again.`,
  );
}

/** The mock's pages are named by a position, which is enough for lists that tests page through. */
function page<T>(state: MockState, all: T[], query: URLSearchParams) {
  const from = Number(query.get("after") ?? 0);
  const end = from + Number(query.get("limit") ?? 1000);
  return {
    status: 200,
    value: {
      items: all.slice(from, end),
      ...(end < all.length && { next: String(end) }),
      revision: state.revision(),
    },
  };
}

const byName = <T extends { name: string }>(items: Map<string, T>): T[] =>
  [...items.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
const ofTarget = <T extends { target: { id: string; name?: string } }>(
  items: Map<string, T>,
  query: URLSearchParams,
): T[] => {
  const target = query.get("target");
  return [...items.values()]
    .toReversed()
    .filter((item) => target === null || item.target.id === target || item.target.name === target);
};

const vmOf = (state: MockState, { params }: Input) => findMock(state.objects.vm, "vm", params["vm"] ?? "");
const imageOf = (state: MockState, { params }: Input) =>
  findMock(state.objects.image, "image", params["image"] ?? "");
const power =
  (verb: string): Answer =>
  (state, input) => ({ status: 202, value: mockPower(state, vmOf(state, input), verb) });
const isTrue = (text: string | null): boolean => text === "true";
const me = { name: "admin", role: "admin", via: "session" };
const token = { id: "tok-000000000001", name: "ci", role: "operator", createdAt: "2026-01-15T09:30:00.000Z" };

/** One answer per route; WebSocket routes have none: the test's own server sends {@link MockApi.follow}'s frames. */
const answers: { readonly [N in RouteName]?: Answer } = {
  listVms: (state, { query }) => page(state, byName(state.objects.vm), query),
  getVm: (state, input) => ({
    status: 200,
    value: vmOf(state, input),
    headers: { etag: `"${vmOf(state, input).generation}"` },
  }),
  createVm: (state, { body, query }) => ({
    status: 202,
    value: mockCreate(state, body as VmSpec, isTrue(query.get("start"))),
  }),
  changeVm: (state, input) => ({
    status: 202,
    value: mockChange(state, vmOf(state, input), input.body as VmChange),
  }),
  deleteVm: (state, input) => ({
    status: 202,
    value: mockDelete(state, vmOf(state, input), isTrue(input.query.get("force"))),
  }),
  startVm: power("start"),
  stopVm: power("stop"),
  pauseVm: power("pause"),
  resumeVm: power("resume"),
  resetVm: power("reset"),
  suspendVm: power("suspend"),
  execInVm: () => ({
    status: 200,
    value: { exitCode: 0, stdoutBase64: btoa("Linux\n"), stderrBase64: "", isTruncated: false },
  }),
  screenshotVm: () => ({ status: 200, png: onePixel() }),
  listImages: (state, { query }) => page(state, byName(state.objects.image), query),
  getImage: (state, input) => ({ status: 200, value: imageOf(state, input) }),
  createImage: (state, { body }) => ({
    status: 202,
    value: declareImage(state, body as Pick<ImageView, "name" | "source">),
  }),
  uploadImage: (state, input) => ({ status: 200, value: imageOf(state, input) }),
  deleteImage(state, input) {
    const image = imageOf(state, input);
    const target = { kind: "image" as const, id: image.id, name: image.name };
    const remove = (operation: Parameters<typeof succeed>[1]) => (
      state.remove("image", image.id),
      succeed(state, operation)
    );
    return { status: 202, value: state.begin("image.delete", target, [remove]) };
  },
  listCatalogue: () => ({
    status: 200,
    value: { items: [{ name: "debian-12", title: "Debian 12", url: "https://cloud.debian.org/" }] },
  }),
  listNetworks: (state, { query }) => page(state, mockNetworks(state), query),
  getNetwork: (state, { params }) => ({
    status: 200,
    value: findMockNetwork(state, params["network"] ?? ""),
  }),
  createNetwork: (state, { body }) => ({ status: 202, value: mockCreateNetwork(state, body as NetworkSpec) }),
  deleteNetwork: (state, { params }) => ({
    status: 202,
    value: mockDeleteNetwork(state, findMockNetwork(state, params["network"] ?? "")),
  }),
  listSecurityGroups: (state, { query }) => page(state, [], query),
  listOperations: (state, { query }) => page(state, ofTarget(state.objects.operation, query), query),
  getOperation: (state, { params }) => ({ status: 200, value: operationOf(state, params) }),
  cancelOperation(state, { params }) {
    const cancelled = state.cancel(operationOf(state, params).id);
    if (cancelled === undefined)
      throw new Fault("operation.not_cancellable", "This operation has ended already.");
    return { status: 200, value: cancelled };
  },
  listEvents: (state, { query }) => page(state, ofTarget(state.objects.event, query), query),
  getHost: () => ({ status: 200, value: hostExample }),
  getHostUsage: (state) => ({ status: 200, value: usage(state) }),
  getHealth: () => ({ status: 200, value: { status: "ok", version: "0.1.0" } }),
  login(_state, { body }) {
    if ((body as { code: string }).code !== mockLoginCode)
      throw new Fault("auth.bad_credentials", "This login link was used, or is too old; ask for another.");
    return {
      status: 200,
      value: me,
      headers: { "set-cookie": `${sessionCookie}; Path=/; HttpOnly; SameSite=Strict` },
    };
  },
  logout: () => ({ status: 204, headers: { "set-cookie": "serai-mock=; Path=/; Max-Age=0" } }),
  getMe: () => ({ status: 200, value: me }),
  createLoginLink: (state) => ({
    status: 201,
    value: { url: `/login#${mockLoginCode}`, code: mockLoginCode, expiresAt: state.now() },
  }),
  listTokens: () => ({ status: 200, value: { items: [token] } }),
  createToken: () => ({ status: 201, value: { token, secret: "serai_mock" } }),
  deleteToken: () => ({ status: 204 }),
};

function operationOf(state: MockState, params: Record<string, string>) {
  const operation = state.objects.operation.get(params["operation"] ?? "");
  if (operation === undefined)
    throw new Fault("operation.not_found", `There is no operation ${params["operation"]}.`);
  return operation;
}

function declareImage(state: MockState, { name, source }: Pick<ImageView, "name" | "source">) {
  const id = state.nextId("img");
  const base = {
    id,
    name,
    kind: "disk",
    source: { ...source },
    generation: 1,
    createdAt: state.now(),
    updatedAt: state.now(),
  };
  state.put("image", { ...base, phase: "receiving", progress: 0 });
  return state.begin("image.create", { kind: "image", id, name }, [
    note(state, "receiving", () => state.put("image", { ...base, phase: "receiving", progress: 0.5 })),
    note(state, "checking", () => state.put("image", { ...base, phase: "checking" })),
    (operation) => {
      state.put("image", {
        ...base,
        phase: "ready",
        format: "qcow2",
        virtualSizeBytes: 3 * 1024 ** 3,
        sizeBytes: 1024 ** 3,
      });
      succeed(state, operation);
    },
  ]);
}

function usage(state: MockState) {
  const seconds = Date.parse(state.now()) / 1000;
  const running = [...state.objects.vm.values()].filter((vm) => vm.state === "running").slice(0, 200);
  return {
    at: state.now(),
    cpuSeconds: { busy: seconds * 0.3, total: seconds * 8 },
    memoryBytes: hostExample.memoryBytes,
    memoryAvailableBytes: hostExample.memoryAvailableBytes,
    vms: running.map((vm, at) => ({
      vm: vm.id,
      cpuSeconds: (seconds % 100_000) * (0.1 + (at % 5) * 0.1),
      residentBytes: vm.memoryBytes / 4,
      guestMemoryBytes: vm.memoryBytes,
      diskReadBytes: Math.floor(seconds % 100_000) * 4096,
      diskWrittenBytes: Math.floor(seconds % 100_000) * 2048,
      netReceivedBytes: Math.floor(seconds % 100_000) * 1024,
      netSentBytes: Math.floor(seconds % 100_000) * 512,
      uptimeSeconds: 3600,
    })),
  };
}

function onePixel(): Uint8Array {
  const text = atob(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==",
  );
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
