import type { ImageRecord } from "./image.ts";
import type { VmRecord, VmStatus } from "./vm.ts";

/**
 * A VM as clients see it: intent and sighting side by side. Its schema is `VmViewSchema` in api-contract.
 * Addresses are known before the guest runs, where networks reserve them.
 */
export function vmView(record: VmRecord, status: VmStatus, networkName: (id: string) => string) {
  const { sighting } = status;
  const nics = record.spec.nics.map((nic) => ({ ...nic, network: networkName(nic.network) }));
  const reserved = nics.flatMap(({ address4, address6 }) =>
    [address4, address6].filter((at) => at !== undefined),
  );
  return {
    id: record.id,
    ...record.spec,
    nics,
    project: record.project,
    machineType: record.machineType,
    power: record.power,
    state: sighting.state,
    agent: sighting.agent,
    addresses:
      reserved.length === 0 ? sighting.addresses : [...new Set([...reserved, ...sighting.addresses])],
    hasDisplay: sighting.hasDisplay,
    accelerator: sighting.accelerator,
    pid: sighting.pid,
    startedAt: sighting.startedAt,
    trouble: sighting.trouble,
    exit: sighting.exit,
    fault: status.fault,
    restarts: status.restarts,
    restartAt: status.restartAt,
    isDeleting: record.isDeleting,
    host: record.host,
    generation: record.generation,
    createdAt: record.createdAt,
    updatedAt: status.updatedAt > record.updatedAt ? status.updatedAt : record.updatedAt,
  };
}

/** An image as clients see it; `progress` is what the record cannot know, because samples are not stored. */
export function imageView(record: ImageRecord, progress?: { progress?: number; receivedBytes?: number }) {
  const { project: _project, ...rest } = record;
  return { ...rest, ...progress };
}
