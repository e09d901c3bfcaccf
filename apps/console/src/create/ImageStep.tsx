import { Alert } from "@patternfly/react-core";
import { Link } from "@tanstack/react-router";
import { useImages } from "../live/use-live.ts";
import { bytes } from "../parts/format.ts";
import { TextField } from "../parts/Field.tsx";
import type { StepProps } from "./step-props.ts";

const kindWords: Readonly<Record<string, string>> = {
  disk: "disk",
  kernel: "kernel",
  iso: "installation medium",
};

export function ImageStep({ form, faults, set, pick }: StepProps) {
  const ready = [...useImages().values()]
    .filter(({ phase }) => phase === "ready")
    .toSorted((a, b) => a.name.localeCompare(b.name));
  return (
    <>
      {ready.length === 0 && (
        <Alert variant="info" isInline title="There is no image to make a VM from">
          <Link to="/images">Pull or upload one</Link>; this page goes on as soon as it is ready.
        </Alert>
      )}
      <fieldset
        className="image-choice"
        aria-describedby={faults["image"] === undefined ? undefined : "image-fault"}
      >
        <legend className="pf-v6-screen-reader">Image</legend>
        {ready.map((image) => (
          <label key={image.id} className={image.id === form.image ? "image-card is-chosen" : "image-card"}>
            <input
              type="radio"
              name="image"
              value={image.id}
              checked={image.id === form.image}
              onChange={() => pick(image.id)}
            />
            <span className="image-card__title">{image.guest?.title ?? image.name}</span>
            <span className="image-card__note">
              {image.name} · {kindWords[image.kind] ?? image.kind}
              {image.sizeBytes !== undefined && ` · ${bytes(image.sizeBytes)}`}
            </span>
          </label>
        ))}
      </fieldset>
      {faults["image"] !== undefined && (
        <p id="image-fault" className="field-fault" role="alert">
          {faults["image"]}
        </p>
      )}
      <TextField
        id="name"
        label="Name"
        isRequired
        value={form.name}
        error={faults["name"]}
        hint="It becomes the guest's host name: a-z, 0-9 and -."
        onChange={(name) => set({ name })}
      />
      <TextField
        id="description"
        label="Description"
        value={form.description}
        error={faults["description"]}
        onChange={(description) => set({ description })}
      />
    </>
  );
}
