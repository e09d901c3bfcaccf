import { timestamp } from "@serai/kit/clock";
import { Fault, faultToJson, isFault, type FaultJson } from "@serai/kit/fault";
import {
  networkKey,
  networkNameKey,
  networkStatusKey,
  type NetworkRecord,
  type NetworkStatus,
} from "@serai/model/network";
import type { Compare, Write } from "@serai/store/store";
import { endOperation, putEvent, unchanged, type ControlParts } from "../parts.ts";
import { finalFault } from "../power/is-final-fault.ts";
import { lookAgain, settled, type Reconcile, type Revisit } from "../queue/work-queue.ts";
import type { NetworkEntry } from "../view/network-shelf.ts";
import { networkTarget, putNetwork } from "./network-records.ts";
import { inUse } from "./network-service.ts";

const deadlineMs = 60_000;

/**
 * Brings one network and its rules in line on the host, or takes it away. Woken by changes of the network, of the VMs
 * on it and of security groups, and now and then by the clock: the host may have lost something without telling.
 */
export function reconcileNetwork(parts: ControlParts): Reconcile {
  return async (id, queueSignal) => {
    const signal = AbortSignal.any([queueSignal, AbortSignal.timeout(deadlineMs)]);
    const entry = parts.view.networks.get(id);
    if (entry === undefined) return settled;
    return entry.record.isDeleting ? remove(parts, entry, signal) : ensure(parts, entry, signal);
  };
}

async function ensure(parts: ControlParts, entry: NetworkEntry, signal: AbortSignal): Promise<Revisit> {
  const { id, generation, isBuiltin, spec } = entry.record;
  const isIdle =
    isBuiltin === true && spec.forwards.length === 0 && parts.view.networks.usersOf(id).length === 0;
  try {
    if (!isIdle) {
      await parts.host.ensureNetwork(id, generation, signal);
      await parts.host.applyNetworkRules(id, signal);
    }
  } catch (error) {
    if (isFault(error, "vm.stale_generation")) return lookAgain;
    if (signal.aborted || isFault(error, "host.unreachable")) throw error;
    await note(parts, entry, faultOf(error), signal);
    if (finalFault(error) === undefined) throw error; // it may work later, so the queue tries again
    parts.log.warn({ network: id, err: error }, "a network cannot be made");
    return settled;
  }
  await note(parts, entry, undefined, signal);
  return settled;
}

const faultOf = (error: unknown): FaultJson =>
  error instanceof Fault
    ? faultToJson(error)
    : { code: "network.setup_failed", message: "The host failed in a way nobody foresaw; its log says how." };

/** Writes what became of this generation, once, and ends the requests for it. */
async function note(
  parts: ControlParts,
  { record, revision }: NetworkEntry,
  fault: FaultJson | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { id, generation } = record;
  const before = parts.view.networks.statusOf(id);
  const isSame = before?.generation === generation && before.fault?.message === fault?.message;
  const open = parts.view.operations.openOn(id).filter((operation) => operation.generation <= generation);
  if (isSame && open.length === 0) return;
  const status: NetworkStatus = {
    network: id,
    generation,
    ...(fault && { fault }),
    updatedAt: timestamp(parts.clock),
  };
  const when: Compare[] = [unchanged(networkKey(id), revision)];
  const then: Write[] = [{ put: networkStatusKey(id), value: JSON.stringify(status) }];
  for (const operation of open) {
    const end = endOperation(parts, operation, fault ? { phase: "failed", fault } : { phase: "succeeded" });
    when.push(end.compare);
    then.push(end.write);
  }
  if (fault !== undefined && !isSame) {
    const message = `Network ${record.spec.name} could not be made: ${fault.message}`;
    then.push(
      putEvent(parts, { type: "network.failed", severity: "error", target: networkTarget(record), message }),
    );
  }
  await write(parts, { when, then }, signal);
}

async function remove(parts: ControlParts, entry: NetworkEntry, signal: AbortSignal): Promise<Revisit> {
  const { record, revision } = entry;
  const { id, project, spec } = record;
  // A VM may have joined it while its deletion was on the way to the store; from here on none can.
  const users = parts.view.networks.usersOf(id).map((vm) => vm.spec.name);
  if (users.length > 0)
    return takeBack(parts, entry, { fault: faultToJson(inUse(spec.name, users, "it is deleted")) }, signal);
  try {
    await parts.host.removeNetwork(id, record.generation, signal);
  } catch (error) {
    if (isFault(error, "vm.stale_generation")) return lookAgain;
    // A guest whose record is gone still holds a tap: the sweep ends it, and then this goes on.
    throw error;
  }
  const when: Compare[] = [unchanged(networkKey(id), revision)];
  const message = `Network ${spec.name} was deleted.`;
  const then: Write[] = [
    { delete: networkKey(id) },
    { delete: networkStatusKey(id) },
    { delete: networkNameKey(project, spec.name) },
    putEvent(parts, { type: "network.deleted", severity: "info", target: networkTarget(record), message }),
  ];
  for (const operation of parts.view.operations.openOn(id)) {
    const isDeletion = operation.verb === "network.delete";
    const end = endOperation(
      parts,
      operation,
      isDeletion ? { phase: "succeeded" } : { phase: "cancelled", note: "The network was deleted." },
    );
    when.push(end.compare);
    then.push(end.write);
  }
  await write(parts, { when, then }, signal);
  return settled;
}

async function takeBack(
  parts: ControlParts,
  { record, revision }: NetworkEntry,
  { fault }: { fault: FaultJson },
  signal: AbortSignal,
): Promise<Revisit> {
  const back: NetworkRecord = {
    ...record,
    isDeleting: false,
    generation: record.generation + 1,
    updatedAt: timestamp(parts.clock),
  };
  const when: Compare[] = [unchanged(networkKey(record.id), revision)];
  const then: Write[] = [putNetwork(back)];
  for (const operation of parts.view.operations.openOn(record.id)) {
    const isDeletion = operation.verb === "network.delete";
    if (!isDeletion) continue;
    const end = endOperation(parts, operation, { phase: "failed", fault });
    when.push(end.compare);
    then.push(end.write);
  }
  await write(parts, { when, then }, signal);
  return lookAgain;
}

async function write(
  parts: ControlParts,
  txn: { when: Compare[]; then: Write[] },
  signal: AbortSignal,
): Promise<void> {
  const { succeeded, revision } = await parts.store.txn(txn, signal);
  await parts.view.reached(revision, signal);
  if (!succeeded) throw new Error("the network changed meanwhile"); // the queue looks again
}
