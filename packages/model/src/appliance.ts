import type { VmSpec } from "./vm-spec.ts";

/** What an appliance (OVA) says about the VM it holds; disks of the proposal name the image and which of its disks. */
export type Appliance = {
  /** A proposal: complete enough to create a VM from as it is. */
  spec: VmSpec;
  /** In the order of `imageDisk`. */
  disks: { name: string; virtualSizeBytes: number }[];
  /** Sentences: what was left out, replaced, or could not be verified. */
  warnings: string[];
};
