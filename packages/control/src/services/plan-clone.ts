import { Fault } from "@serai/kit/fault";
import type { Operation } from "@serai/model/operation";
import { snapshotKey } from "@serai/model/snapshot";
import { vmKey, vmNameKey, type CloneOrigin, type VmRecord } from "@serai/model/vm";
import type { CompleteVmSpec } from "@serai/model/vm-spec";
import type { Plan } from "../commit.ts";
import { reserveAddresses } from "../networks/reserve-addresses.ts";
import { absent, newOperation, putEvent, putOperation, unchanged, type ControlParts } from "../parts.ts";
import type { SnapshotEntry } from "../view/snapshot-shelf.ts";
import { hasProcess, type VmEntry } from "../view/vm-shelf.ts";
import type { Actor } from "./actor.ts";
import { checkAdmission } from "./check-admission.ts";
import { nameTaken, newMac, newRecord } from "./plan-creation.ts";
import type { CloneWish } from "./services.ts";

/** The transaction that makes a VM whose disks begin as those of another one; the host copies or links them. */
export function planClone(
  parts: ControlParts,
  source: VmEntry,
  { wish, actor }: { wish: CloneWish; actor: Actor },
): Plan<Operation> {
  const { kind = "linked", start = false } = wish;
  const { record: from } = source;
  if (parts.view.vms.idOf(wish.name) !== undefined) throw nameTaken(wish.name);
  const snapshot = snapshotOf(parts, source, wish.snapshot);
  refuseUnlessStill(source, snapshot);
  const origin: CloneOrigin = { vm: from.id, kind, ...(snapshot && { snapshot: snapshot.record.id }) };
  const draft = newRecord(parts, specOfClone(from.spec, wish.name, kind), start);
  const { spec, when, then } = reserveAddresses(parts.view, draft.id, draft.spec);
  const record: VmRecord = {
    ...draft,
    spec,
    machineType: from.machineType,
    origin,
  };
  if (start) checkAdmission(parts, record);
  const target = { kind: "vm", id: record.id, name: wish.name } as const;
  const operation = newOperation(parts, { verb: "vm.clone", target, generation: 1, actor: actor.name });
  const nameKey = vmNameKey(record.project, wish.name);
  return {
    result: operation,
    txn: {
      when: [
        absent(nameKey),
        ...when,
        unchanged(vmKey(from.id), source.recordRevision),
        ...(snapshot ? [unchanged(snapshotKey(snapshot.record.id), snapshot.revision)] : []),
      ],
      then: [
        { put: nameKey, value: record.id },
        { put: vmKey(record.id), value: JSON.stringify(record) },
        ...then,
        putOperation(operation),
        putEvent(parts, {
          type: "vm.cloned",
          severity: "info",
          target,
          actor: actor.name,
          message: `${wish.name} was made as a ${kind} clone of ${from.spec.name}${snapshot ? `, snapshot ${snapshot.record.name}` : ""}.`,
          data: { origin },
        }),
      ],
    },
  };
}

function snapshotOf(
  parts: ControlParts,
  { record }: VmEntry,
  reference: string | undefined,
): SnapshotEntry | undefined {
  if (reference === undefined) return undefined;
  const found = parts.view.snapshots
    .of(record.id)
    .find((entry) => entry.record.id === reference || entry.record.name === reference);
  if (found?.record.phase === "ready") return found;
  throw new Fault(
    "snapshot.not_found",
    `${record.spec.name} has no snapshot called ${reference} that is ready.`,
  );
}

function refuseUnlessStill(source: VmEntry, snapshot: SnapshotEntry | undefined): void {
  const { record, status } = source;
  if (record.isDeleting) throw new Fault("vm.wrong_state", `${record.spec.name} is being deleted.`);
  if (snapshot !== undefined) return;
  if (record.power !== "stopped" || hasProcess(status)) {
    throw new Fault(
      "vm.wrong_state",
      `${record.spec.name} is ${record.power}: stop it, or clone one of its snapshots.`,
    );
  }
}

/** An identity of its own: another name, other MAC addresses, and none of the ports that the origin has on the host. */
function specOfClone(spec: CompleteVmSpec, name: string, kind: CloneOrigin["kind"]): CompleteVmSpec {
  const nics = spec.nics.map(({ address4: _address4, address6: _address6, ...nic }) => ({
    ...nic,
    mac: newMac(),
    forwards: [],
  }));
  const disks = spec.disks.map(({ image, imageDisk, ...disk }) => {
    // A full copy does not need the image that its origin stands on; what is only read stays where it is.
    const keepsImage = image !== undefined && (kind === "linked" || disk.isReadOnly);
    return { ...disk, ...(keepsImage && { image, ...(imageDisk !== undefined && { imageDisk }) }) };
  });
  return { ...spec, name, nics, disks };
}
