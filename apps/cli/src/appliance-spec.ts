import type { ImageView } from "@serai/api-contract/schemas";
import type { VmSpec } from "@serai/model/vm-spec";
import { specFrom, type SpecOptions } from "./commands/vm-change.ts";

/** The VM that an image proposes when it came as an appliance, with what was asked for on top; else what was asked for. */
export function specOf(name: string, options: SpecOptions, image: ImageView | undefined): VmSpec {
  const asked = specFrom(name, options);
  const proposed = image?.appliance?.spec;
  if (proposed === undefined) return asked;
  const [root, ...more] = asked.disks ?? [];
  const sizeBytes = root?.sizeBytes;
  const disks = (proposed.disks ?? []).map((disk, index) =>
    index === 0 && sizeBytes !== undefined ? { ...disk, sizeBytes } : disk,
  );
  const forwards = asked.nics?.[0]?.forwards;
  const nics = (proposed.nics ?? []).map((nic, index) => (index === 0 && forwards !== undefined ? { ...nic, forwards } : nic));
  return { ...proposed, ...asked, disks: [...disks, ...more], nics: options.nic === false ? [] : nics };
}
