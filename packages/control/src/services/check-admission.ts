import { Fault } from "@serai/kit/fault";
import { admit, defaultOvercommit, type Demand } from "@serai/model/admission";
import type { VmRecord } from "@serai/model/vm";
import type { ControlParts } from "../parts.ts";

/** Throws `host.no_capacity` with the numbers when the VM does not fit besides all that run or are to run. */
export function checkAdmission(parts: ControlParts, record: VmRecord): void {
  const report = parts.hostFacts.known();
  if (report === undefined) return; // checked again before the launch
  refuseWithout(record, parts.view.vms.promised(record.id), report);
}

/** The same, against what the caller knows to be running. */
export function refuseWithout(record: VmRecord, running: Demand, capacity: { name: string } & Demand): void {
  const { cpus, memoryBytes, name } = record.spec;
  const verdict = admit({ cpus, memoryBytes }, running, capacity, defaultOvercommit);
  if (verdict.isAdmitted) return;
  const { reason, missingBytes, missingCpus } = verdict;
  throw new Fault(
    "host.no_capacity",
    `Host ${capacity.name} has no room for ${name} (${reason}): stop another VM or make this one smaller.`,
    { details: { missingBytes, missingCpus } },
  );
}
