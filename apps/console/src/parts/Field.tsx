import {
  FormGroup,
  FormHelperText,
  FormSelect,
  FormSelectOption,
  HelperText,
  HelperTextItem,
  TextInput,
} from "@patternfly/react-core";
import type { ReactNode } from "react";

type FieldProps = {
  id: string;
  label: string;
  hint?: ReactNode;
  error?: string | undefined;
  isRequired?: boolean;
};

function Framed({ id, label, hint, error, isRequired, children }: FieldProps & { children: ReactNode }) {
  return (
    <FormGroup label={label} fieldId={id} isRequired={isRequired}>
      {children}
      {(hint !== undefined || error !== undefined) && (
        <FormHelperText>
          <HelperText id={`${id}-help`} isLiveRegion={error !== undefined}>
            <HelperTextItem variant={error === undefined ? "default" : "error"}>
              {error ?? hint}
            </HelperTextItem>
          </HelperText>
        </FormHelperText>
      )}
    </FormGroup>
  );
}

export type TextFieldProps = FieldProps & {
  value: string;
  onChange: (value: string) => void;
  type?: "text" | "number" | "url";
  min?: number;
  max?: number;
  step?: number;
  unit?: string;
  placeholder?: string;
};

export function TextField({
  value,
  onChange,
  type = "text",
  min,
  max,
  step,
  unit,
  placeholder,
  ...field
}: TextFieldProps) {
  const input = (
    <TextInput
      id={field.id}
      type={type}
      value={value}
      min={min}
      max={max}
      step={step}
      placeholder={placeholder}
      autoComplete="off"
      spellCheck={false}
      isRequired={field.isRequired}
      validated={field.error === undefined ? "default" : "error"}
      aria-describedby={`${field.id}-help`}
      onChange={(_, next) => onChange(next)}
    />
  );
  return (
    <Framed {...field}>
      {unit === undefined ? (
        input
      ) : (
        <span className="with-unit">
          {input}
          <span className="unit">{unit}</span>
        </span>
      )}
    </Framed>
  );
}

export type SelectFieldProps = FieldProps & {
  value: string;
  options: readonly (readonly [value: string, text: string])[];
  onChange: (value: string) => void;
};

export function SelectField({ value, options, onChange, ...field }: SelectFieldProps) {
  return (
    <Framed {...field}>
      <FormSelect
        id={field.id}
        value={value}
        validated={field.error === undefined ? "default" : "error"}
        aria-describedby={`${field.id}-help`}
        onChange={(_, next) => onChange(next)}
      >
        {options.map(([option, text]) => (
          <FormSelectOption key={option} value={option} label={text} />
        ))}
      </FormSelect>
    </Framed>
  );
}
