import type { Demand } from "@serai/model/admission";
import type { VmRecord } from "@serai/model/vm";
import type { HostFacts } from "../host-facts.ts";
import { refuseWithout } from "../services/check-admission.ts";
import { hasProcess, type VmShelf } from "../view/vm-shelf.ts";

/** The last check before a launch: what runs, and what is being launched at this moment, must leave room for it. */
export type LaunchGate = {
  /** Takes room for the time of the launch, or throws `host.no_capacity`. */
  enter(record: VmRecord): Disposable;
};

export function createLaunchGate(vms: VmShelf, hostFacts: HostFacts): LaunchGate {
  const launching = new Map<string, Demand>();
  return {
    enter: (record) => {
      const report = hostFacts.known();
      if (report !== undefined) refuseWithout(record, present(vms, launching, record.id), report);
      launching.set(record.id, { cpus: record.spec.cpus, memoryBytes: record.spec.memoryBytes });
      return { [Symbol.dispose]: () => launching.delete(record.id) };
    },
  };
}

function present(vms: VmShelf, launching: ReadonlyMap<string, Demand>, except: string): Demand {
  const sum = { cpus: 0, memoryBytes: 0 };
  for (const { record, status } of vms.entries()) {
    if (record.id === except || !(hasProcess(status) || launching.has(record.id))) continue;
    sum.cpus += record.spec.cpus;
    sum.memoryBytes += record.spec.memoryBytes;
  }
  return sum;
}
