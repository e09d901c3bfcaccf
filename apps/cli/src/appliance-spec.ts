import type { ImageView } from "@serai/api-contract/schemas";
import type { VmSpec } from "@serai/model/vm-spec";

/** The VM that an image proposes when it came as an appliance, with what was asked for on top; else what was asked for. */
export function specOf(asked: VmSpec, image: ImageView | undefined): VmSpec {
  const proposed = image?.appliance?.spec;
  if (proposed === undefined) return asked;
  const [root, ...more] = asked.disks ?? [];
  const sizeBytes = root?.sizeBytes;
  const disks = (proposed.disks ?? []).map((disk, index) =>
    index === 0 && sizeBytes !== undefined ? { ...disk, sizeBytes } : disk,
  );
  const hasNoNics = asked.nics?.length === 0;
  const { name: _name, ...wish } = asked.nics?.[0] ?? { name: "" };
  const nics = (proposed.nics ?? []).map((nic, index) => (index === 0 ? { ...nic, ...wish } : nic));
  return { ...proposed, ...asked, disks: [...disks, ...more], nics: hasNoNics ? [] : nics };
}
