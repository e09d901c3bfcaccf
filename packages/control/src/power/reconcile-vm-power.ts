import { isFault } from "@serai/kit/fault";
import { hostVerbs, type HostVerb } from "@serai/model/host-request";
import { nextVmStep, type VmStep } from "@serai/model/next-vm-step";
import type { VmSighting } from "@serai/model/vm";
import type { ControlParts } from "../parts.ts";
import { lookAgain, settled, type Reconcile, type Revisit } from "../queue/work-queue.ts";
import type { VmEntry } from "../view/vm-shelf.ts";
import type { LaunchGate } from "./launch-gate.ts";
import { noteSighting } from "./note-sighting.ts";
import { writeRemoval } from "./write-removal.ts";
import { noteFailedStep } from "./note-failed-step.ts";
import { writeVm, type VmWrite } from "./write-vm.ts";

const stepDeadlineMs = 10 * 60_000;

/**
 * Brings one VM's process in line with its intent, one step per call.
 *
 * Safe to call at any time, any number of times, after any crash: it acts on what it reads now, never on what
 * woke it. Retries belong to the queue.
 */
export function reconcileVmPower(parts: ControlParts, gate: LaunchGate): Reconcile {
  return async (id, queueSignal) => {
    const signal = AbortSignal.any([queueSignal, AbortSignal.timeout(stepDeadlineMs)]);
    const found = parts.view.vms.get(id);
    if (found === undefined) {
      parts.lastTold.delete(id);
      return settled; // deleted; the orphan sweep owns what it left behind
    }
    const soon = nextVmStep(found.record, found.status, parts.clock.nowMs());
    if (isAct(soon.do) && isLastTold(parts, found))
      return perform({ parts, gate, entry: found }, soon.do, signal);
    const sighting = await look(parts, found, signal);
    const entry = await note(parts, found, sighting, signal);
    if (entry === undefined) return lookAgain;
    const step = nextVmStep(entry.record, entry.status, parts.clock.nowMs());
    switch (step.do) {
      case "none":
        return settled;
      case "wait":
        return afterWait(parts, step);
      case "accept_stop":
        await writeVm(parts, entry, acceptStop(entry), signal);
        return lookAgain;
      case "schedule_restart":
        await writeVm(parts, entry, scheduleRestart(parts, entry, step.atMs), signal);
        return lookAgain;
      case "remove":
        await parts.host.act("remove", id, entry.record.generation, signal);
        await writeRemoval(parts, entry, signal);
        return settled;
      default:
        return perform({ parts, gate, entry }, step.do, signal);
    }
  };
}

/**
 * True once per word of the host, and only if that is what we have on record: then a step may be taken without a look
 * before it. The host looks itself before it acts, and its answer is what it saw afterwards.
 */
function isLastTold({ lastTold }: ControlParts, { record, status }: VmEntry): boolean {
  const told = lastTold.get(record.id);
  lastTold.delete(record.id);
  return told === JSON.stringify(status.sighting);
}

const isAct = (step: VmStep["do"]): step is ActVerb =>
  step !== "remove" && (hostVerbs as readonly string[]).includes(step);

/** What the host sees; when it cannot be asked, that is noted too, and the queue tries again later. */
async function look(parts: ControlParts, entry: VmEntry, signal: AbortSignal): Promise<VmSighting> {
  try {
    return await parts.host.look(entry.record.id, signal);
  } catch (error) {
    if (isFault(error, "host.unreachable")) {
      const { pid: _pid, ...last } = entry.status.sighting;
      await note(parts, entry, { ...last, state: "unknown" }, signal);
    }
    throw error;
  }
}

function note(parts: ControlParts, entry: VmEntry, sighting: VmSighting, signal: AbortSignal) {
  const status = noteSighting(entry.record, entry.status, sighting, parts.clock.nowMs());
  return writeVm(parts, entry, { status }, signal);
}

type Work = { parts: ControlParts; gate: LaunchGate; entry: VmEntry };
type ActVerb = Exclude<HostVerb, "remove">;

async function perform({ parts, gate, entry }: Work, verb: ActVerb, signal: AbortSignal): Promise<Revisit> {
  const { record } = entry;
  const sighting = await attempt({ parts, gate, entry }, verb, signal);
  if (sighting === undefined) return lookAgain;
  const now = await note(parts, parts.view.vms.get(record.id) ?? entry, sighting, signal);
  if (now === undefined) return lookAgain;
  const next = nextVmStep(now.record, now.status, parts.clock.nowMs());
  if (next.do === "wait") return afterWait(parts, next);
  return next.do === "none" ? settled : lookAgain;
}

/** Takes the step; undefined when it failed for good, which is then written down. */
async function attempt(
  { parts, gate, entry }: Work,
  verb: ActVerb,
  signal: AbortSignal,
): Promise<VmSighting | undefined> {
  const { record } = entry;
  try {
    if (verb !== "launch") return await parts.host.act(verb, record.id, record.generation, signal);
    using _seat = gate.enter(record);
    return await parts.host.act("launch", record.id, record.generation, signal);
  } catch (error) {
    // Intent changed on the way to the host: the next look reads it.
    if (isFault(error, "vm.stale_generation")) return undefined;
    await noteFailedStep(parts, { entry, verb, error }, signal);
    return undefined;
  }
}

function afterWait(parts: ControlParts, step: VmStep & { do: "wait" }): Revisit {
  if (step.untilMs === undefined) return settled; // the host tells when it has come further
  return { inMs: Math.max(1, step.untilMs - parts.clock.nowMs()) };
}

function acceptStop({ record, status }: VmEntry): VmWrite {
  const { exit } = status.sighting;
  const isPolicy = exit !== undefined && exit.cause !== "guest_shutdown" && exit.cause !== "requested";
  return {
    intent: { power: "stopped", stop: { isForced: false } },
    status: exit === undefined ? status : { ...status, handledExitAt: exit.at },
    ...(isPolicy && {
      happenings: [
        {
          type: "vm.left_stopped",
          severity: "info",
          message: `${record.spec.name} stays stopped, as its policy says.`,
          data: { cause: exit.cause },
        },
      ],
    }),
  };
}

function scheduleRestart(parts: ControlParts, { record, status }: VmEntry, atMs: number): VmWrite {
  const { exit } = status.sighting;
  const restarts = status.restarts + 1;
  const seconds = Math.round((atMs - parts.clock.nowMs()) / 1000);
  return {
    status: {
      ...status,
      restarts,
      restartAt: new Date(atMs).toISOString(),
      ...(exit && { handledExitAt: exit.at }),
    },
    happenings: [
      {
        type: "vm.restarting",
        severity: "warning",
        message: `${record.spec.name} is started again in ${seconds} s; restart ${restarts} in a row.`,
        data: { restarts, cause: exit?.cause },
      },
    ],
  };
}
