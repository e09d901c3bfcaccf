import { completeVmSpec } from "../complete-vm-spec.ts";
import type { ImageRecord } from "../image.ts";
import type { VmRecord, VmSighting, VmStatus } from "../vm.ts";

/** A plain VM for tests, with what the test cares about. */
export function aRecord(fields: Partial<VmRecord> = {}): VmRecord {
  return {
    id: "vm-000000000000",
    project: "default",
    spec: completeVmSpec(
      { name: "web" },
      {
        image: () => anImage(),
        network: () => {
          throw new Error("no network is named");
        },
        newMac: () => "52:00:00:00:00:01",
      },
    ),
    machineType: "pc-q35-7.2",
    uuid: "00000000-0000-4000-8000-000000000000",
    power: "stopped",
    stop: { isForced: false },
    resetCount: 0,
    isDeleting: false,
    host: "host-000000000000",
    generation: 1,
    createdAt: "2025-01-01T00:00:00.000Z",
    updatedAt: "2025-01-01T00:00:00.000Z",
    ...fields,
  };
}

export function aStatus(sighting: Partial<VmSighting> = {}): VmStatus {
  return {
    vm: "vm-000000000000",
    sighting: {
      vm: "vm-000000000000",
      state: "absent",
      generation: 1,
      resetCount: 0,
      provisionedGeneration: 1,
      agent: "none",
      addresses: [],
      hasDisplay: false,
      ...sighting,
    },
    restarts: 0,
    updatedAt: "2025-01-01T00:00:00.000Z",
  };
}

export function anImage(fields: Partial<ImageRecord> = {}): ImageRecord {
  return {
    id: "img-000000000000",
    name: "tiny",
    project: "default",
    kind: "disk",
    source: { kind: "upload" },
    phase: "ready",
    virtualSizeBytes: 1024 * 1024,
    generation: 1,
    createdAt: "2025-01-01T00:00:00.000Z",
    updatedAt: "2025-01-01T00:00:00.000Z",
    ...fields,
  };
}
