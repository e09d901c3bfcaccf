import { networkKey, type NetworkRecord } from "@serai/model/network";
import type { Target } from "@serai/model/operation";
import type { Write } from "@serai/store/store";

export const putNetwork = (record: NetworkRecord): Write => ({
  put: networkKey(record.id),
  value: JSON.stringify(record),
});

export const networkTarget = ({ id, spec }: NetworkRecord): Target => ({
  kind: "network",
  id,
  name: spec.name,
});
