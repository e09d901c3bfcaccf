import { Fault } from "@serai/kit/fault";
import type { Operation } from "@serai/model/operation";
import type { VmChange, VmSpec } from "@serai/model/vm-spec";
import { vmExample } from "./examples.ts";
import type { MockState, Step } from "./mock-state.ts";
import type { VmView } from "./schemas.ts";

/** Finds by id, name or the first characters of an id, as the real one does. */
export function findMock<T extends { id: string; name: string }>(
  items: Map<string, T>,
  kind: "vm" | "image",
  reference: string,
): T {
  const all = [...items.values()];
  const exact = items.get(reference) ?? all.find((item) => item.name === reference);
  if (exact !== undefined) return exact;
  const near = all.filter((item) => item.id.startsWith(reference));
  if (near.length === 1 && near[0] !== undefined) return near[0];
  if (near.length > 1)
    throw new Fault(
      "name.ambiguous",
      `${near.length} of them begin with ${reference}; give more characters.`,
    );
  throw new Fault(`${kind}.not_found`, `There is no ${kind === "vm" ? "VM" : "image"} ${reference}.`);
}

/** What one power request leads to; undefined where it makes no sense in this state. */
type Course = { from: readonly string[]; through?: string; to: string; power: string; event: string };

const courses: Readonly<Record<string, Course>> = {
  start: {
    from: ["absent", "suspended"],
    through: "starting",
    to: "running",
    power: "running",
    event: "vm.started",
  },
  stop: {
    from: ["running", "paused", "starting"],
    through: "stopping",
    to: "absent",
    power: "stopped",
    event: "vm.stopped",
  },
  pause: { from: ["running"], to: "paused", power: "paused", event: "vm.paused" },
  resume: { from: ["paused"], to: "running", power: "running", event: "vm.resumed" },
  reset: { from: ["running", "paused"], to: "running", power: "running", event: "vm.reset" },
  suspend: {
    from: ["running", "paused"],
    through: "suspending",
    to: "suspended",
    power: "suspended",
    event: "vm.suspended",
  },
};

export function mockPower(state: MockState, vm: VmView, verb: string): Operation {
  const course = courses[verb];
  if (course === undefined) throw new Error(`no course for ${verb}`);
  if (!course.from.includes(vm.state)) {
    throw new Fault(
      "vm.wrong_state",
      `${vm.name} is ${vm.state}; ${verb} needs it to be ${course.from.join(" or ")}.`,
    );
  }
  const set = (change: Partial<VmView>) => alter(state, vm.id, change);
  set({ power: course.power, generation: vm.generation + 1 });
  return state.begin(`vm.${verb}`, { kind: "vm", id: vm.id, name: vm.name }, [
    ...(course.through === undefined
      ? []
      : [note(state, course.through, () => set({ state: course.through ?? "" }))]),
    (operation) => {
      const isThere = course.to === "running" || course.to === "paused";
      set({
        state: course.to,
        hasDisplay: isThere,
        agent: isThere ? "answering" : "none",
        addresses: isThere ? ["10.0.2.15"] : [],
      });
      state.note({
        type: course.event,
        severity: "info",
        target: operation.target,
        message: `${vm.name}: ${verb} is done.`,
      });
      succeed(state, operation);
    },
  ]);
}

export function mockCreate(state: MockState, spec: VmSpec, isStarted: boolean): Operation {
  if ([...state.objects.vm.values()].some((vm) => vm.name === spec.name)) {
    throw new Fault("name.taken", `There is a VM named ${spec.name} already; choose another name.`, {
      details: { name: spec.name },
    });
  }
  const vm = newVm(state, spec);
  state.put("vm", vm);
  return state.begin("vm.create", { kind: "vm", id: vm.id, name: vm.name }, [
    note(state, "making its disks", () => {}),
    ...(isStarted
      ? [note(state, "starting", () => alter(state, vm.id, { state: "starting", power: "running" }))]
      : []),
    (operation) => {
      alter(
        state,
        vm.id,
        isStarted
          ? { state: "running", hasDisplay: true, agent: "answering", addresses: ["10.0.2.15"] }
          : { state: "absent" },
      );
      state.note({
        type: "vm.created",
        severity: "info",
        target: operation.target,
        message: `${vm.name} was created.`,
      });
      succeed(state, operation);
    },
  ]);
}

function newVm(state: MockState, spec: VmSpec): VmView {
  const { pid: _pid, startedAt: _startedAt, accelerator: _accelerator, ...still } = vmExample;
  const { disks, nics, policy, ...plain } = spec;
  return {
    ...still,
    labels: {},
    description: "",
    cpus: 1,
    ...plain,
    id: state.nextId("vm"),
    disks: (disks ?? []).map((disk) => ({ bus: "virtio-blk" as const, isReadOnly: false, ...disk })),
    nics:
      nics === undefined
        ? still.nics
        : nics.map((nic) => ({
            model: "virtio",
            mac: "52:54:00:00:00:01",
            network: "user",
            forwards: [],
            ...nic,
          })),
    policy: { ...still.policy, ...policy },
    power: "stopped",
    state: "absent",
    agent: "none",
    addresses: [],
    hasDisplay: false,
    generation: 1,
    createdAt: state.now(),
    updatedAt: state.now(),
  };
}

export function mockChange(
  state: MockState,
  vm: VmView,
  { disks: _disks, nics: _nics, policy, ...change }: VmChange,
): Operation {
  alter(state, vm.id, {
    ...change,
    ...(policy && { policy: { ...vm.policy, ...policy } }),
    generation: vm.generation + 1,
  });
  return state.begin("vm.change", { kind: "vm", id: vm.id, name: vm.name }, [
    (operation) => succeed(state, operation),
  ]);
}

export function mockDelete(state: MockState, vm: VmView, isForced: boolean): Operation {
  if (vm.state !== "absent" && vm.state !== "suspended" && !isForced) {
    throw new Fault("vm.wrong_state", `${vm.name} is ${vm.state}; stop it first, or delete it with force.`);
  }
  alter(state, vm.id, { isDeleting: true });
  return state.begin("vm.delete", { kind: "vm", id: vm.id, name: vm.name }, [
    note(state, "removing its disks", () => {}),
    (operation) => {
      state.remove("vm", vm.id);
      state.note({
        type: "vm.deleted",
        severity: "info",
        target: operation.target,
        message: `${vm.name} was deleted.`,
      });
      succeed(state, operation);
    },
  ]);
}

function alter(state: MockState, id: string, change: Partial<VmView>): void {
  const vm = state.objects.vm.get(id);
  if (vm !== undefined) state.put("vm", { ...vm, ...change, updatedAt: state.now() });
}

export function note(state: MockState, text: string, act: () => void): Step {
  return (operation) => {
    act();
    state.put("operation", { ...operation, phase: "running", note: text, progress: 0.5 });
  };
}

export function succeed(state: MockState, operation: Operation): void {
  const { note: _note, progress: _progress, ...rest } = operation;
  state.put("operation", { ...rest, phase: "succeeded", endedAt: state.now() });
}
