import { snapshotKey, snapshotNameKey, type SnapshotRecord } from "@serai/model/snapshot";
import type { Write } from "@serai/store/store";

export const putSnapshot = (record: SnapshotRecord): Write => ({
  put: snapshotKey(record.id),
  value: JSON.stringify(record),
});

export const removeSnapshot = ({ id, vm, name }: SnapshotRecord): Write[] => [
  { delete: snapshotKey(id) },
  { delete: snapshotNameKey(vm, name) },
];
