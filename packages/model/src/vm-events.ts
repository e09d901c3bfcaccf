import type { Severity } from "./event.ts";
import type { ExitCause, VmSighting } from "./vm.ts";

export type Happening = { type: string; severity: Severity; message: string; data?: Record<string, unknown> };

/** What happened to a VM between two sightings, oldest first. Told once, because both are stored with the events. */
export function vmHappenings(name: string, before: VmSighting, after: VmSighting): Happening[] {
  const told: Happening[] = [];
  const { exit, trouble } = after;
  const hasNewTrouble = trouble !== undefined && trouble.at !== before.trouble?.at;
  const hasNewExit = exit !== undefined && exit.at !== before.exit?.at;
  const hasStarted = isUp(after.state) && after.startedAt !== before.startedAt;
  if (hasStarted) told.push(info("vm.started", `${name} has started.`, { accelerator: after.accelerator }));
  if (hasNewTrouble) told.push(inTrouble(name, trouble.kind));
  if (hasNewExit && !(isTroubleCause(exit.cause) && before.trouble !== undefined)) {
    told.push({ ...ended(name, exit.cause, exit.detail), data: { cause: exit.cause, detail: exit.detail } });
  }
  if (!hasStarted && after.startedAt === before.startedAt && isUp(after.state)) {
    if (after.resetCount > before.resetCount) told.push(info("vm.reset", `${name} was reset.`));
    if (before.state === "running" && after.state === "paused")
      told.push(info("vm.paused", `${name} is paused.`));
    if (before.state === "paused" && after.state === "running")
      told.push(info("vm.resumed", `${name} runs again.`));
  }
  if (after.state === "suspended" && before.state !== "suspended") {
    told.push(info("vm.suspended", `${name} is suspended to disk.`));
  }
  return told;
}

const isUp = (state: VmSighting["state"]): boolean => state === "running" || state === "paused";
const isTroubleCause = (cause: ExitCause): boolean => cause === "guest_panic" || cause === "guest_hang";

const info = (type: string, message: string, data?: Record<string, unknown>): Happening => ({
  type,
  severity: "info",
  message,
  ...(data && { data }),
});

function inTrouble(name: string, kind: "guest_panic" | "guest_hang"): Happening {
  return kind === "guest_panic"
    ? { type: "vm.panicked", severity: "error", message: `The guest of ${name} panicked.` }
    : { type: "vm.hung", severity: "error", message: `The guest of ${name} hangs: its watchdog fired.` };
}

function ended(name: string, cause: ExitCause, detail: string): Happening {
  switch (cause) {
    case "requested":
      return info("vm.stopped", `${name} has stopped.`);
    case "guest_shutdown":
      return info("vm.stopped", `${name} has shut itself down.`);
    case "guest_panic":
    case "guest_hang":
      return inTrouble(name, cause);
    case "process_killed":
      return { type: "vm.killed", severity: "error", message: `Somebody killed the process of ${name}.` };
    case "host_oom":
      return {
        type: "vm.out_of_memory",
        severity: "error",
        message: `The host ran out of memory and ended ${name}.`,
      };
    case "host_reboot":
      return {
        type: "vm.stopped",
        severity: "warning",
        message: `${name} stopped because its host restarted.`,
      };
    case "process_crash":
      return { type: "vm.crashed", severity: "error", message: `The process of ${name} crashed: ${detail}` };
    case "vanished":
      return {
        type: "vm.crashed",
        severity: "error",
        message: `The process of ${name} ended while nobody watched.`,
      };
  }
}
