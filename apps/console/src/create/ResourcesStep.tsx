import { GiB } from "@serai/model/vm-spec";
import { SelectField, TextField } from "../parts/Field.tsx";
import { bytes } from "../parts/format.ts";
import type { StepProps } from "./step-props.ts";

function diskHint(kind: string | undefined, virtualSizeBytes: number | undefined): string {
  if (kind === "kernel") return "Leave empty to run without a disk.";
  if (kind === "iso") return "The empty disk to install on.";
  return virtualSizeBytes === undefined
    ? "Leave empty for the image's size."
    : `Leave empty for the image's size, ${bytes(virtualSizeBytes)}.`;
}

export function ResourcesStep({ form, image, faults, set }: StepProps) {
  const firmware = image?.guest?.firmware ?? ["bios", "uefi"];
  const options = (
    [
      ["bios", "BIOS"],
      ["uefi", "UEFI"],
    ] as const
  ).filter(([name]) => firmware.length === 0 || firmware.includes(name));
  return (
    <>
      <div className="field-row">
        <TextField
          id="cpus"
          label="CPUs"
          type="number"
          min={1}
          max={64}
          isRequired
          value={form.cpus}
          error={faults["cpus"]}
          onChange={(cpus) => set({ cpus })}
        />
        <TextField
          id="memory"
          label="Memory"
          type="number"
          min={16}
          step={16}
          unit="MiB"
          isRequired
          value={form.memoryMib}
          error={faults["memoryBytes"]}
          hint={image?.guest === undefined ? undefined : `At least ${bytes(image.guest.minMemoryBytes)}`}
          onChange={(memoryMib) => set({ memoryMib })}
        />
      </div>
      <TextField
        id="disk"
        label="Disk size"
        type="number"
        min={1}
        unit="GiB"
        value={form.diskGib}
        error={faults["disks.0.sizeBytes"]}
        placeholder={
          image?.virtualSizeBytes === undefined
            ? undefined
            : String(Math.ceil((image.virtualSizeBytes / GiB) * 10) / 10)
        }
        hint={diskHint(image?.kind, image?.virtualSizeBytes)}
        onChange={(diskGib) => set({ diskGib })}
      />
      {image?.kind !== "kernel" && (
        <SelectField
          id="firmware"
          label="Firmware"
          value={form.firmware}
          options={options}
          error={faults["firmware"]}
          onChange={(next) => set({ firmware: next })}
        />
      )}
    </>
  );
}
