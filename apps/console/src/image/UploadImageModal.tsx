import {
  Alert,
  Button,
  Form,
  FormGroup,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
} from "@patternfly/react-core";
import type { ImportFormat } from "@serai/model/image-format";
import { useState } from "react";
import { routes } from "@serai/api-contract/routes";
import { faultSentence, fieldFaults } from "../api/fault-words.ts";
import { schemaFaults } from "../api/schema-faults.ts";
import { useServices } from "../app/services.ts";
import { SelectField, TextField } from "../parts/Field.tsx";
import { bytes } from "../parts/format.ts";
import { formatOf, formatOptions, imageNameOf } from "./image-format.ts";

/** Takes a file from this computer. The upload goes on while one looks at other pages. */
export function UploadImageModal({ onClose }: { onClose: () => void }) {
  const { client, uploads } = useServices();
  const [file, setFile] = useState<File>();
  const [name, setName] = useState("");
  const [format, setFormat] = useState<ImportFormat>("qcow2");
  const [faults, setFaults] = useState<Record<string, string>>({});
  const [failure, setFailure] = useState<string>();
  const [isBusy, setIsBusy] = useState(false);

  const choose = async (chosen: File | undefined) => {
    setFile(chosen);
    setFaults({});
    if (chosen === undefined) return;
    setName((old) => (old === "" ? imageNameOf(chosen.name) : old));
    setFormat(await formatOf(chosen));
  };

  const upload = async () => {
    if (file === undefined) return setFaults({ file: "Choose a file." });
    const body = { name, source: { kind: "upload" as const, format, sizeBytes: file.size } };
    const found = schemaFaults(routes.createImage.body, body);
    setFaults(found);
    if (Object.keys(found).length > 0) return;
    setIsBusy(true);
    try {
      const operation = await client.call("createImage", { body }, AbortSignal.timeout(30_000));
      uploads.send(operation.target.id, name, file);
      onClose();
    } catch (error) {
      setFaults(fieldFaults(error));
      setFailure(faultSentence(error));
    } finally {
      setIsBusy(false);
    }
  };

  return (
    <Modal isOpen variant="small" onClose={onClose} aria-labelledby="upload-title">
      <ModalHeader title="Upload an image" labelId="upload-title" />
      <ModalBody>
        <Form
          id="upload-form"
          onSubmit={(event) => {
            event.preventDefault();
            void upload();
          }}
        >
          {failure !== undefined && (
            <Alert variant="danger" isInline isLiveRegion title="The image was not uploaded">
              {failure}
            </Alert>
          )}
          <FormGroup label="File" fieldId="file" isRequired>
            <input
              id="file"
              type="file"
              className="file-input"
              aria-describedby="file-note"
              onChange={(event) => void choose(event.target.files?.[0])}
            />
            <p id="file-note" className={faults["file"] === undefined ? "quiet" : "field-fault"}>
              {faults["file"] ??
                (file === undefined ? "qcow2, raw, ISO, or a disk of another hypervisor" : bytes(file.size))}
            </p>
          </FormGroup>
          <TextField
            id="image-name"
            label="Name"
            isRequired
            value={name}
            error={faults["name"]}
            hint="a-z, 0-9, dot, underscore and -"
            onChange={setName}
          />
          <SelectField
            id="format"
            label="Format"
            value={format}
            options={formatOptions}
            onChange={(value) => setFormat(value as ImportFormat)}
          />
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button type="submit" form="upload-form" isDisabled={isBusy} isLoading={isBusy}>
          Upload
        </Button>
        <Button variant="link" onClick={onClose}>
          Cancel
        </Button>
      </ModalFooter>
    </Modal>
  );
}
