import type { VmView } from "@serai/api-contract/schemas";
import type { ExitCause, VmState } from "@serai/model/vm";

/** The groups that people filter and count by. */
export type StateGroup =
  | "running"
  | "paused"
  | "changing"
  | "stopped"
  | "suspended"
  | "attention"
  | "unknown";

const stateWords: Record<VmState, { text: string; group: StateGroup }> = {
  unknown: { text: "Unknown", group: "unknown" },
  absent: { text: "Stopped", group: "stopped" },
  starting: { text: "Starting", group: "changing" },
  running: { text: "Running", group: "running" },
  paused: { text: "Paused", group: "paused" },
  stopping: { text: "Stopping", group: "changing" },
  suspending: { text: "Suspending", group: "changing" },
  suspended: { text: "Suspended", group: "suspended" },
};

const isVmState = (text: string): text is VmState => Object.hasOwn(stateWords, text);

const troubleWords: Readonly<Record<string, string>> = { guest_panic: "Panicked", guest_hang: "Hung" };

/** What the state column says: one or two words, and the group it counts in. */
export function stateOf(vm: VmView): { text: string; group: StateGroup } {
  if (vm.isDeleting) return { text: "Deleting", group: "changing" };
  if (vm.trouble !== undefined)
    return { text: troubleWords[vm.trouble.kind] ?? "In trouble", group: "attention" };
  const state = isVmState(vm.state) ? stateWords[vm.state] : { text: vm.state, group: "unknown" as const };
  if (vm.state === "absent" && vm.restartAt !== undefined && vm.power === "running")
    return { text: "Restarting", group: "changing" };
  if (vm.fault !== undefined && state.group !== "running") return { text: "Failed", group: "attention" };
  if (vm.state === "absent" && isUnasked(vm.exit?.cause)) return { text: "Crashed", group: "attention" };
  return state;
}

const unaskedCauses: ReadonlySet<string> = new Set([
  "guest_panic",
  "guest_hang",
  "process_crash",
  "process_killed",
  "host_oom",
  "vanished",
]);
const isUnasked = (cause: string | undefined): boolean => cause !== undefined && unaskedCauses.has(cause);

export const needsAttention = (vm: VmView): boolean =>
  stateOf(vm).group === "attention" || vm.fault !== undefined;

const exitSentences: Record<ExitCause, string> = {
  requested: "It was stopped on request.",
  guest_shutdown: "The guest shut itself down.",
  guest_panic: "The guest's kernel panicked.",
  guest_hang: "The guest stopped answering its watchdog.",
  process_crash: "QEMU itself crashed or ended with an error.",
  process_killed: "Somebody killed its QEMU process with SIGKILL.",
  host_oom: "The host ran out of memory and the kernel ended it.",
  host_reboot: "The host was restarted while it ran.",
  vanished: "Its process ended while Serai was not running, and left no trace of why.",
};

/** Why the guest's process ended, for people. */
export function exitSentence(cause: string): string {
  return Object.hasOwn(exitSentences, cause)
    ? exitSentences[cause as ExitCause]
    : `It ended: ${cause.replaceAll("_", " ")}.`;
}

/** A guest that is there but in a bad way, for people. */
export function troubleSentence(kind: string): string {
  if (kind === "guest_panic")
    return "The guest's kernel has panicked. It is kept as it is, so that you can look at it; reset or stop it to go on.";
  if (kind === "guest_hang")
    return "The guest has stopped answering its watchdog. Look at its screen; reset or stop it to go on.";
  return `The guest is in trouble: ${kind.replaceAll("_", " ")}.`;
}

const wantedWords: Readonly<Record<string, string>> = {
  running: "running",
  paused: "paused in memory",
  stopped: "stopped",
  suspended: "suspended to disk",
};
const seenWords: Record<VmState, string> = {
  unknown: "cannot be asked",
  absent: "has no process for it",
  starting: "is starting it",
  running: "sees it running",
  paused: "sees it paused",
  stopping: "waits for the guest to shut down",
  suspending: "is writing its memory to disk",
  suspended: "keeps its memory on disk",
};

/** Intent against sighting, as one sentence. */
export function intentSentence(vm: VmView): string {
  if (vm.isDeleting) return "It is being deleted with its disks.";
  const seen = isVmState(vm.state) ? seenWords[vm.state] : `reports “${vm.state}”`;
  return `Wanted: ${wantedWords[vm.power] ?? vm.power}. The host ${seen}.`;
}

/** True when what is wanted is what is seen. */
export function isSettled(vm: VmView): boolean {
  const seen = vm.state === "absent" ? "stopped" : vm.state;
  return !vm.isDeleting && vm.power === seen;
}

export function agentWords(agent: string): string {
  if (agent === "answering") return "Answering";
  if (agent === "silent") return "Silent: not installed, or not started yet";
  return "No agent channel";
}
