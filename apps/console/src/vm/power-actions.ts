import type { Client } from "@serai/api-contract/client";
import type { VmView } from "@serai/api-contract/schemas";
import type { Operation } from "@serai/model/operation";

export const powerActions = ["start", "stop", "forceStop", "pause", "resume", "reset", "suspend"] as const;
export type PowerAction = (typeof powerActions)[number];

export const actionWords: Record<
  PowerAction,
  { name: string; doing: string; hint: string; isHarsh: boolean }
> = {
  start: { name: "Start", doing: "Starting", hint: "Start it, or resume it from disk", isHarsh: false },
  stop: {
    name: "Shut down",
    doing: "Shutting down",
    hint: "Ask the guest; end it after 90 s",
    isHarsh: false,
  },
  forceStop: {
    name: "Force stop",
    doing: "Stopping",
    hint: "Like pulling the plug: unsaved data is lost",
    isHarsh: true,
  },
  pause: { name: "Pause", doing: "Pausing", hint: "Freeze it in memory", isHarsh: false },
  resume: { name: "Resume", doing: "Resuming", hint: "Go on where it was paused", isHarsh: false },
  reset: {
    name: "Reset",
    doing: "Resetting",
    hint: "Like the reset button: unsaved data is lost",
    isHarsh: true,
  },
  suspend: {
    name: "Suspend to disk",
    doing: "Suspending",
    hint: "Write its memory to disk and stop it",
    isHarsh: false,
  },
};

const allowed: Readonly<Record<string, readonly PowerAction[]>> = {
  absent: ["start"],
  starting: ["stop", "forceStop"],
  running: ["stop", "forceStop", "pause", "reset", "suspend"],
  paused: ["resume", "stop", "forceStop", "reset", "suspend"],
  stopping: ["forceStop"],
  suspending: ["forceStop"],
  suspended: ["start", "forceStop"],
  // Nobody can ask its host: a wish may still be recorded, and is acted upon when the host is back.
  unknown: ["start", "stop", "forceStop"],
};

/** Decides which power actions make sense now. */
export function allowedActions(vm: VmView): readonly PowerAction[] {
  if (vm.isDeleting) return [];
  const actions = allowed[vm.state] ?? [];
  // It waits for its next automatic start: that can be called off.
  if (vm.state === "absent" && vm.power === "running") return ["start", "stop"];
  return actions;
}

export const isAllowed = (vm: VmView, action: PowerAction): boolean => allowedActions(vm).includes(action);

/** Asks the server to do it; answers the receipt. */
export function requestPower(
  client: Client,
  vm: string,
  action: PowerAction,
  signal: AbortSignal,
): Promise<Operation> {
  const input = { params: { vm } };
  switch (action) {
    case "start":
      return client.call("startVm", input, signal);
    case "stop":
      return client.call("stopVm", { ...input, body: {} }, signal);
    case "forceStop":
      return client.call("stopVm", { ...input, body: { force: true } }, signal);
    case "pause":
      return client.call("pauseVm", input, signal);
    case "resume":
      return client.call("resumeVm", input, signal);
    case "reset":
      return client.call("resetVm", input, signal);
    case "suspend":
      return client.call("suspendVm", input, signal);
  }
}

const verbWords: Readonly<Record<string, string>> = {
  "vm.create": "Creating",
  "vm.start": "Starting",
  "vm.stop": "Stopping",
  "vm.pause": "Pausing",
  "vm.resume": "Resuming",
  "vm.reset": "Resetting",
  "vm.suspend": "Suspending",
  "vm.change": "Changing",
  "vm.delete": "Deleting",
  "image.create": "Preparing",
  "image.pull": "Pulling",
  "image.upload": "Receiving",
  "image.delete": "Deleting",
};

const powerVerbs: ReadonlySet<string> = new Set([
  "vm.create",
  "vm.start",
  "vm.stop",
  "vm.pause",
  "vm.resume",
  "vm.reset",
  "vm.suspend",
  "vm.delete",
]);
/** False for operations such as a change of the description, under which a VM goes on as it was. */
export const movesPower = (verb: string): boolean => powerVerbs.has(verb);

/** "vm.start" → "Starting": what an operation is doing, for people. */
export const verbDoing = (verb: string): string => verbWords[verb] ?? verb;

const verbNames: Readonly<Record<string, string>> = {
  "vm.create": "Create VM",
  "vm.start": "Start VM",
  "vm.stop": "Stop VM",
  "vm.pause": "Pause VM",
  "vm.resume": "Resume VM",
  "vm.reset": "Reset VM",
  "vm.suspend": "Suspend VM",
  "vm.change": "Change VM",
  "vm.delete": "Delete VM",
  "image.create": "Add image",
  "image.pull": "Pull image",
  "image.upload": "Upload image",
  "image.delete": "Delete image",
};
export const verbName = (verb: string): string => verbNames[verb] ?? verb;
