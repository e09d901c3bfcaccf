import { Alert, Button, Form, Modal, ModalBody, ModalFooter, ModalHeader, Tab, Tabs, TabTitleText } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { routes } from "@serai/api-contract/routes";
import { faultSentence, fieldFaults } from "../api/fault-words.ts";
import { schemaFaults } from "../api/schema-faults.ts";
import { useServices } from "../app/services.ts";
import { useImages } from "../live/use-live.ts";
import { FaultAlert } from "../parts/FaultAlert.tsx";
import { SelectField, TextField } from "../parts/Field.tsx";
import { Loading } from "../parts/Loading.tsx";
import { imageNameOf } from "./image-format.ts";

const formats = [
  ["qcow2", "qcow2"],
  ["raw", "raw"],
  ["iso", "ISO"],
] as const;

/** Fetches an image: by its name in the catalogue, or from an address. */
export function PullImageModal({ onClose }: { onClose: () => void }) {
  const { client } = useServices();
  const images = useImages();
  const [tab, setTab] = useState<"catalogue" | "url">("catalogue");
  const [chosen, setChosen] = useState("");
  const [url, setUrl] = useState("");
  const [sha256, setSha256] = useState("");
  const [format, setFormat] = useState("qcow2");
  const [name, setName] = useState("");
  const [faults, setFaults] = useState<Record<string, string>>({});
  const [failure, setFailure] = useState<string>();
  const [isBusy, setIsBusy] = useState(false);
  const catalogue = useQuery({ queryKey: ["catalogue"], queryFn: ({ signal }) => client.call("listCatalogue", {}, signal) });
  const here = new Set([...images.values()].map((image) => image.name));

  const pull = async () => {
    const source =
      tab === "catalogue"
        ? { kind: "catalogue" as const, name: chosen }
        : { kind: "url" as const, url, format: format as "raw" | "qcow2" | "iso", ...(sha256 !== "" && { sha256 }) };
    const body = { name: name === "" ? (tab === "catalogue" ? chosen : imageNameOf(url.split("/").at(-1) ?? "")) : name, source };
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
      <ModalHeader title="Pull an image" labelId="pull-title" description="Its checksum, and its signature where there is one, are verified." />
      <ModalBody>
        <Tabs activeKey={tab} aria-label="Where from" onSelect={(_, key) => setTab(key === "url" ? "url" : "catalogue")}>
          <Tab eventKey="catalogue" title={<TabTitleText>Catalogue</TabTitleText>} />
          <Tab eventKey="url" title={<TabTitleText>Address</TabTitleText>} />
        </Tabs>
        <Form
          id="pull-form"
          className="modal-form"
          onSubmit={(event) => {
            event.preventDefault();
            void pull();
          }}
        >
          {failure !== undefined && <Alert variant="danger" isInline isLiveRegion title="The image was not pulled">{failure}</Alert>}
          {tab === "catalogue" && catalogue.isLoading && <Loading rows={3} />}
          {tab === "catalogue" && catalogue.isError && <FaultAlert title="The catalogue cannot be read" error={catalogue.error} onRetry={() => void catalogue.refetch()} />}
          {tab === "catalogue" && (
            <fieldset className="image-choice">
              <legend className="pf-v6-u-screen-reader">Image</legend>
              {catalogue.data?.items.map((item) => (
                <label key={item.name} className={item.name === chosen ? "image-card is-chosen" : "image-card"}>
                  <input type="radio" name="catalogue" value={item.name} checked={item.name === chosen} onChange={() => setChosen(item.name)} />
                  <span className="image-card__title">{item.title}</span>
                  <span className="image-card__note">{here.has(item.name) ? `${item.name} · here already` : item.name}</span>
                </label>
              ))}
              {faults["source.name"] !== undefined && <p className="field-fault" role="alert">{faults["source.name"]}</p>}
            </fieldset>
          )}
          {tab === "url" && (
            <>
              <TextField id="url" label="Address" type="url" isRequired value={url} error={faults["source.url"]} placeholder="https://" onChange={setUrl} />
              <SelectField id="format" label="Format" value={format} options={formats} onChange={setFormat} />
              <TextField id="sha256" label="SHA-256" value={sha256} error={faults["source.sha256"]} hint="Optional, but only with it is the content verified." onChange={setSha256} />
            </>
          )}
          <TextField
            id="image-name"
            label="Name here"
            value={name}
            error={faults["name"]}
            placeholder={tab === "catalogue" ? chosen : imageNameOf(url.split("/").at(-1) ?? "")}
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
