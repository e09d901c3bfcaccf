import { Button } from "@patternfly/react-core";
import type { ImageView } from "@serai/api-contract/schemas";
import { useRef } from "react";
import { useServices } from "../app/services.ts";
import { bytes } from "../parts/format.ts";

/** Goes on with an upload that this browser no longer has the file of: the person chooses it again. */
export function ResumeUpload({ image }: { image: ImageView }) {
  const { uploads, toasts } = useServices();
  const input = useRef<HTMLInputElement>(null);
  const resume = (file: File | undefined) => {
    if (file === undefined) return;
    if (image.sizeBytes !== undefined && file.size !== image.sizeBytes) {
      const detail = `${file.name} has ${bytes(file.size)}, but ${image.name} was begun with ${bytes(image.sizeBytes)}.`;
      return toasts.show({ severity: "danger", title: "This is another file", detail });
    }
    uploads.send(image.id, image.name, file);
  };
  return (
    <>
      <input
        ref={input}
        type="file"
        hidden
        aria-hidden
        tabIndex={-1}
        onChange={(event) => resume(event.target.files?.[0])}
      />
      <Button size="sm" variant="secondary" onClick={() => input.current?.click()}>
        Continue upload
      </Button>
    </>
  );
}
