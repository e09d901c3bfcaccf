import { Alert, Button, Form, Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core";
import { formatFromName, type ImportFormat } from "@serai/model/image-format";
import { useState } from "react";
import { routes } from "@serai/api-contract/routes";
import { faultSentence, fieldFaults } from "../api/fault-words.ts";
import { schemaFaults } from "../api/schema-faults.ts";
import { useServices } from "../app/services.ts";
import { Chips } from "../parts/Chips.tsx";
import { SelectField, TextField } from "../parts/Field.tsx";
import { CatalogueChoice } from "./CatalogueChoice.tsx";
import { formatOptions, imageNameOf } from "./image-format.ts";

type Fields = {
  tab: "catalogue" | "url";
  chosen: string;
  url: string;
  sha256: string;
  format: string;
  name: string;
};

const ownName = ({ tab, chosen, url }: Pick<Fields, "tab" | "chosen" | "url">): string =>
  tab === "catalogue" ? chosen : imageNameOf(url.split("/").at(-1) ?? "");

function requestFrom(fields: Fields) {
  const { tab, chosen, url, sha256, format } = fields;
  const name = fields.name === "" ? ownName(fields) : fields.name;
  if (tab === "catalogue") return { name, source: { kind: tab, name: chosen } };
  return {
    name,
    source: { kind: tab, url, format: format as ImportFormat, ...(sha256 !== "" && { sha256 }) },
  };
}

/** Fetches an image: by its name in the catalogue, or from an address. */
export function PullImageModal({ onClose }: { onClose: () => void }) {
  const { client } = useServices();
  const [tab, setTab] = useState<"catalogue" | "url">("catalogue");
  const [chosen, setChosen] = useState("");
  const [url, setUrl] = useState("");
  const [sha256, setSha256] = useState("");
  const [format, setFormat] = useState("qcow2");
  const [name, setName] = useState("");
  const [faults, setFaults] = useState<Record<string, string>>({});
  const [failure, setFailure] = useState<string>();
  const [isBusy, setIsBusy] = useState(false);
  const pull = async () => {
    const body = requestFrom({ tab, chosen, url, sha256, format, name });
    const found = schemaFaults(routes.createImage.body, body);
    if (tab === "catalogue" && chosen === "") found["source.name"] = "Choose an image.";
    if (tab === "url" && url === "") found["source.url"] = "Give an address.";
    setFaults(found);
    setFailure(undefined);
    if (Object.keys(found).length > 0) return;
    setIsBusy(true);
    try {
      await client.call("createImage", { body }, AbortSignal.timeout(30_000));
      onClose();
    } catch (error) {
      setFaults(fieldFaults(error));
      setFailure(faultSentence(error));
    } finally {
      setIsBusy(false);
    }
  };

  return (
    <Modal isOpen variant="medium" onClose={onClose} aria-labelledby="pull-title">
      <ModalHeader
        title="Pull an image"
        labelId="pull-title"
        description="Its checksum, and its signature where there is one, are verified."
      />
      <ModalBody>
        <Chips
          label="Where from"
          chosen={tab}
          chips={[
            { key: "catalogue", text: "Catalogue" },
            { key: "url", text: "Address" },
          ]}
          onChoose={setTab}
        />
        <Form
          id="pull-form"
          className="modal-form"
          onSubmit={(event) => {
            event.preventDefault();
            void pull();
          }}
        >
          {failure !== undefined && (
            <Alert variant="danger" isInline isLiveRegion title="The image was not pulled">
              {failure}
            </Alert>
          )}
          {tab === "catalogue" && (
            <CatalogueChoice chosen={chosen} onChoose={setChosen} error={faults["source.name"]} />
          )}
          {tab === "url" && (
            <>
              <TextField
                id="url"
                label="Address"
                type="url"
                isRequired
                value={url}
                error={faults["source.url"]}
                placeholder="https://"
                onChange={(next) => {
                  setUrl(next);
                  setFormat(formatFromName(next) ?? format);
                }}
              />
              <SelectField
                id="format"
                label="Format"
                value={format}
                options={formatOptions}
                onChange={setFormat}
              />
              <TextField
                id="sha256"
                label="SHA-256"
                value={sha256}
                error={faults["source.sha256"]}
                hint="Optional, but only with it is the content verified."
                onChange={setSha256}
              />
            </>
          )}
          <TextField
            id="image-name"
            label="Name here"
            value={name}
            error={faults["name"]}
            placeholder={ownName({ tab, chosen, url })}
            hint="Leave empty to keep its own."
            onChange={setName}
          />
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button type="submit" form="pull-form" isDisabled={isBusy} isLoading={isBusy}>
          Pull image
        </Button>
        <Button variant="link" onClick={onClose}>
          Cancel
        </Button>
      </ModalFooter>
    </Modal>
  );
}
