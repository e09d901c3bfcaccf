import type { PlannedDisk } from "../launch-plan.ts";
import { blockdev, type JsonOption } from "./options.ts";

export const diskNode = (name: string): string => `disk-${name}`;

/** The block nodes of a disk. The format is always told: one that QEMU guessed would be the guest's to choose. */
export function diskNodeArgv(disk: PlannedDisk): string[] {
  const { name, format, isReadOnly } = disk;
  // Space that the guest frees goes back to the pool, at the format and at the file.
  const reclaim = isReadOnly ? {} : { discard: "unmap" };
  // Once a snapshot has put a layer on top, nobody may write to the file any more, QEMU included: it follows its node.
  const access = isReadOnly ? { "read-only": true } : { "auto-read-only": true };
  return blockdev({
    driver: format,
    "node-name": diskNode(name),
    "read-only": isReadOnly,
    ...reclaim,
    ...(!isReadOnly && { "detect-zeroes": "unmap" }),
    file: { ...sourceOf(disk), "node-name": `${diskNode(name)}-file`, ...access, ...reclaim },
  });
}

function sourceOf({ path, nbd }: PlannedDisk): JsonOption {
  if (nbd === undefined) return { driver: "file", filename: path, locking: "on" };
  // No reconnecting: a host that was cut off is to see its writes fail, not to wait until it may write again.
  return { driver: "nbd", server: { type: "unix", path: nbd.socketPath }, export: nbd.exportName };
}
