import type { SeraiEvent } from "@serai/model/event";
import { isEnded, type Operation, type Target } from "@serai/model/operation";
import { eventExample, imageExample, vmExample } from "./examples.ts";
import type { ImageView, NetworkView, VmView } from "./schemas.ts";
import type { WatchFrame, WatchKind } from "./watch-frame.ts";

type Objects = { vm: VmView; image: ImageView; operation: Operation; event: SeraiEvent };
/** One more step of an operation; answers true when it was the last. */
export type Step = (operation: Operation) => void;

/** The world behind the mock API: objects, their revisions, and what is going on. */
export type MockState = {
  readonly objects: { readonly [K in WatchKind]: Map<string, Objects[K]> };
  /** Nothing tells of their changes. */
  readonly networks: Map<string, NetworkView>;
  readonly frames: WatchFrame[];
  revision(): number;
  now(): string;
  nextId(prefix: string): string;
  put<K extends WatchKind>(kind: K, object: Objects[K]): void;
  remove(kind: WatchKind, id: string): void;
  listen(listener: (frame: WatchFrame) => void): () => void;
  note(event: Omit<SeraiEvent, "id" | "at">): void;
  /** Starts an operation whose steps are taken one per `advance`. */
  begin(verb: string, target: Target, steps: readonly Step[]): Operation;
  cancel(id: string): Operation | undefined;
  advance(): void;
};

export function createMockState(now: () => string): MockState {
  let revision = 0;
  let count = 0;
  const objects: MockState["objects"] = {
    vm: new Map(),
    image: new Map(),
    operation: new Map(),
    event: new Map(),
  };
  const frames: WatchFrame[] = [];
  const listeners = new Set<(frame: WatchFrame) => void>();
  const work = new Map<string, Step[]>();

  const tell = (frame: WatchFrame) => {
    frames.push(frame);
    for (const listener of listeners) listener(frame);
  };

  const state: MockState = {
    objects,
    networks: new Map(),
    frames,
    revision: () => revision,
    now,
    nextId: (prefix) => `${prefix}-${(++count).toString(36).padStart(12, "0")}`,
    put(kind, object) {
      revision += 1;
      (objects[kind] as Map<string, unknown>).set(object.id, object);
      tell({ revision, kind, type: "put", id: object.id, object: structuredClone(object) } as WatchFrame);
    },
    remove(kind, id) {
      revision += 1;
      objects[kind].delete(id);
      tell({ revision, kind, type: "delete", id });
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    note: (event) => state.put("event", { id: state.nextId("ev"), at: now(), ...event }),
    begin(verb, target, steps) {
      const receipt = { id: state.nextId("op"), verb, target, generation: 1 };
      const operation: Operation = { ...receipt, phase: "pending", actor: "admin", createdAt: now() };
      work.set(operation.id, [...steps]);
      state.put("operation", operation);
      return operation;
    },
    cancel(id) {
      const operation = objects.operation.get(id);
      if (operation === undefined || isEnded(operation)) return undefined;
      work.delete(id);
      state.put("operation", { ...operation, phase: "cancelled", endedAt: now() });
      return objects.operation.get(id);
    },
    advance() {
      for (const [id, steps] of work) takeStep(state, id, steps.shift());
      for (const [id, steps] of work) if (steps.length === 0) work.delete(id);
    },
  };
  return state;
}

function takeStep(state: MockState, id: string, step: Step | undefined): void {
  const operation = state.objects.operation.get(id);
  if (operation === undefined || step === undefined) return;
  step(operation);
  const now = state.objects.operation.get(id);
  if (now?.phase === "pending") state.put("operation", { ...now, phase: "running" });
}

const sizes = [1, 2, 4, 8] as const;
const tiers = ["web", "database", "worker", "build"] as const;

/** Fills the world with VMs of every kind of state; the same ones each time. */
export function fillMockState(state: MockState, vmCount: number): void {
  state.put("image", { ...imageExample });
  state.put("image", {
    ...imageExample,
    id: "img-6n3d9s5v7x2a",
    name: "tiny",
    kind: "kernel",
    source: { kind: "builtin", name: "tiny" },
  });
  for (let at = 0; at < vmCount; at++) state.put("vm", mockVm(state, at));
  state.put("event", { ...eventExample, at: state.now() });
}

function mockVm(state: MockState, at: number): VmView {
  const tier = tiers[at % tiers.length] ?? "web";
  const isRunning = at % 3 !== 2;
  const { pid: _pid, startedAt: _startedAt, accelerator: _accelerator, ...still } = vmExample;
  const live = { pid: 1000 + at, startedAt: state.now(), accelerator: "kvm" };
  return {
    ...still,
    ...(isRunning && live),
    id: state.nextId("vm"),
    name: `${tier}-${String(at + 1).padStart(5, "0")}`,
    labels: { tier },
    cpus: sizes[at % sizes.length] ?? 1,
    memoryBytes: (sizes[(at >> 2) % sizes.length] ?? 1) * 1024 ** 3,
    power: isRunning ? "running" : "stopped",
    state: isRunning ? "running" : "absent",
    agent: isRunning ? "answering" : "none",
    addresses: isRunning ? [`10.0.${(at >> 8) & 255}.${at & 255}`] : [],
    hasDisplay: isRunning,
    createdAt: state.now(),
    updatedAt: state.now(),
  };
}
