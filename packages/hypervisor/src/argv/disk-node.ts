import type { PlannedDisk } from "../launch-plan.ts";
import { blockdev } from "./options.ts";

export const diskNode = (name: string): string => `disk-${name}`;

/** The block nodes of a disk. The format is always told: one that QEMU guessed would be the guest's to choose. */
export function diskNodeArgv({ name, path, format, isReadOnly }: PlannedDisk): string[] {
  // Space that the guest frees goes back to the pool, at the format and at the file.
  const reclaim = isReadOnly ? {} : { discard: "unmap" };
  return blockdev({
    driver: format,
    "node-name": diskNode(name),
    "read-only": isReadOnly,
    ...reclaim,
    ...(!isReadOnly && { "detect-zeroes": "unmap" }),
    file: {
      driver: "file",
      "node-name": `${diskNode(name)}-file`,
      filename: path,
      "read-only": isReadOnly,
      locking: "on",
      ...reclaim,
    },
  });
}
