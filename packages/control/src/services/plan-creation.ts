import { randomBytes, randomUUID } from "node:crypto";
import { timestamp } from "@serai/kit/clock";
import { newId } from "@serai/kit/id";
import { checkVmSpec, imagesOf, type SpecWorld } from "@serai/model/check-vm-spec";
import { completeVmSpec, type SpecContext } from "@serai/model/complete-vm-spec";
import { imageKey } from "@serai/model/image";
import type { Operation } from "@serai/model/operation";
import { vmKey, vmNameKey, type VmRecord } from "@serai/model/vm";
import type { CompleteVmSpec, VmSpec } from "@serai/model/vm-spec";
import { Fault } from "@serai/kit/fault";
import type { Plan } from "../commit.ts";
import { findNetwork } from "../networks/find-network.ts";
import { reserveAddresses } from "../networks/reserve-addresses.ts";
import { absent, newOperation, putEvent, putOperation, unchanged, type ControlParts } from "../parts.ts";
import type { View } from "../view/view.ts";
import type { Actor } from "./actor.ts";
import { checkAdmission } from "./check-admission.ts";
import { findReadyImage } from "./find-image.ts";

export const defaultProject = "default";

/** The transaction that makes a VM: its name, its record, the receipt and the event. */
export function planCreation(
  parts: ControlParts,
  { spec, isStarted, actor }: { spec: VmSpec; isStarted: boolean; actor: Actor },
): Plan<Operation> {
  const { view } = parts;
  if (view.vms.idOf(spec.name) !== undefined) throw nameTaken(spec.name);
  const asked = completeVmSpec(spec, specContext(view));
  checkVmSpec(asked, specWorld(view));
  const draft = newRecord(parts, asked, isStarted);
  const { spec: complete, when, then } = reserveAddresses(view, draft.id, asked);
  const record = { ...draft, spec: complete };
  if (isStarted) checkAdmission(parts, record);
  const target = { kind: "vm", id: record.id, name: complete.name } as const;
  const operation = newOperation(parts, { verb: "vm.create", target, generation: 1, actor: actor.name });
  const nameKey = vmNameKey(record.project, complete.name);
  const images = new Set(imagesOf(complete));
  return {
    result: operation,
    txn: {
      // An image that is deleted meanwhile must not be needed by a VM that is made meanwhile.
      when: [
        absent(nameKey),
        ...when,
        ...[...images].map((id) => unchanged(imageKey(id), view.images.get(id)?.revision ?? 0)),
      ],
      then: [
        { put: nameKey, value: record.id },
        { put: vmKey(record.id), value: JSON.stringify(record) },
        ...then,
        putOperation(operation),
        putEvent(parts, {
          type: "vm.created",
          severity: "info",
          target,
          actor: actor.name,
          message: `${complete.name} was created.`,
        }),
      ],
    },
  };
}

export const nameTaken = (name: string): Fault =>
  new Fault("name.taken", `There is already a VM called ${name}: choose another name.`);

export function newRecord(parts: ControlParts, spec: CompleteVmSpec, isStarted: boolean): VmRecord {
  const report = parts.hostFacts.needed();
  const createdAt = timestamp(parts.clock);
  return {
    id: newId("vm"),
    project: defaultProject,
    spec,
    machineType: report.qemu.defaultMachineType,
    uuid: randomUUID(),
    power: isStarted ? "running" : "stopped",
    stop: { isForced: false },
    resetCount: 0,
    ...(isStarted && { startGeneration: 1 }),
    isDeleting: false,
    host: report.id,
    generation: 1,
    createdAt,
    updatedAt: createdAt,
  };
}

export const specContext = (view: View): SpecContext => ({
  image: (reference) => findReadyImage(view, reference).record,
  network: (reference) => findNetwork(view, reference).record,
  newMac,
});

/** Random, unicast, locally administered. */
export function newMac(): string {
  const bytes = randomBytes(6);
  bytes[0] = ((bytes[0] as number) & 0xfc) | 0x02;
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/** What a spec must get along with; `except` is the VM that it belongs to. */
export const specWorld = (view: View, except?: string): SpecWorld => ({
  image: (id) => view.images.get(id)?.record,
  hasGroup: (name) => view.securityGroups.idOf(name) !== undefined,
  portOwner: (protocol, hostPort) => {
    for (const { record } of view.networks.entries()) {
      const isOwner = record.spec.forwards.some(
        (forward) => forward.protocol === protocol && forward.hostPort === hostPort,
      );
      if (isOwner) return record.spec.name;
    }
    for (const { record } of view.vms.entries()) {
      if (record.id === except || record.isDeleting) continue;
      const isOwner = record.spec.nics.some((nic) =>
        nic.forwards.some((forward) => forward.protocol === protocol && forward.hostPort === hostPort),
      );
      if (isOwner) return record.spec.name;
    }
    return undefined;
  },
});
