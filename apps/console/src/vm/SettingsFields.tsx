import { SelectField, TextField } from "../parts/Field.tsx";
import type { SettingsForm } from "./settings-form.ts";

const exitOptions = [
  ["restart", "Restart it, waiting longer each time"],
  ["stop", "Leave it stopped"],
] as const;
const keepOptions = [...exitOptions, ["preserve", "Keep it as it is, for inspection"]] as const;

const policies = [
  ["onShutdown", "When the guest shuts itself down", exitOptions],
  ["onCrash", "When its process ends unasked", exitOptions],
  ["onPanic", "When its kernel panics", keepOptions],
  ["onHang", "When its watchdog fires", keepOptions],
] as const;

export type SettingsFieldsProps = {
  form: SettingsForm;
  faults: Record<string, string>;
  set: (part: Partial<SettingsForm>) => void;
};

export function SettingsFields({ form, faults, set }: SettingsFieldsProps) {
  return (
    <>
      <TextField
        id="name"
        label="Name"
        isRequired
        value={form.name}
        error={faults["name"]}
        onChange={(name) => set({ name })}
      />
      <TextField
        id="description"
        label="Description"
        value={form.description}
        error={faults["description"]}
        onChange={(description) => set({ description })}
      />
      <div className="field-row">
        <TextField
          id="cpus"
          label="CPUs"
          type="number"
          min={1}
          max={64}
          value={form.cpus}
          error={faults["cpus"]}
          hint="At its next start"
          onChange={(cpus) => set({ cpus })}
        />
        <TextField
          id="memory"
          label="Memory"
          type="number"
          min={16}
          step={16}
          unit="MiB"
          value={form.memoryMib}
          error={faults["memoryBytes"]}
          hint="At its next start"
          onChange={(memoryMib) => set({ memoryMib })}
        />
      </div>
      {policies.map(([key, label, options]) => (
        <SelectField
          key={key}
          id={key}
          label={label}
          value={form[key]}
          options={options}
          error={faults[`policy.${key}`]}
          onChange={(value) => set({ [key]: value })}
        />
      ))}
    </>
  );
}
