import {
  Alert,
  Button,
  ClipboardCopy,
  Form,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
} from "@patternfly/react-core";
import { useState } from "react";
import { faultSentence, fieldFaults } from "../api/fault-words.ts";
import { useServices } from "../app/services.ts";
import { SelectField, TextField } from "../parts/Field.tsx";

type Role = "viewer" | "operator" | "admin";
const roles = [
  ["viewer", "Viewer: may look"],
  ["operator", "Operator: may act on VMs and images"],
  ["admin", "Admin: may also manage tokens"],
] as const;
const lives = [
  ["30", "30 days"],
  ["90", "90 days"],
  ["365", "A year"],
  ["", "Until it is revoked"],
] as const;

/** Makes a token and shows its secret, this once. */
export function CreateTokenModal({ onClose, onCreated }: { onClose: () => void; onCreated: () => void }) {
  const { client } = useServices();
  const [name, setName] = useState("");
  const [role, setRole] = useState("operator");
  const [days, setDays] = useState("90");
  const [secret, setSecret] = useState<string>();
  const [error, setError] = useState<unknown>();
  const [isBusy, setIsBusy] = useState(false);

  const create = async () => {
    if (name.trim() === "") return;
    setIsBusy(true);
    setError(undefined);
    try {
      const body = {
        name: name.trim(),
        role: role as Role,
        ...(days !== "" && { expiresInDays: Number(days) }),
      };
      const made = await client.call("createToken", { body }, AbortSignal.timeout(20_000));
      setSecret(made.secret);
      onCreated();
    } catch (reason) {
      setError(reason);
    } finally {
      setIsBusy(false);
    }
  };

  const faults = fieldFaults(error);
  return (
    <Modal isOpen variant="small" onClose={onClose} aria-labelledby="token-title">
      <ModalHeader
        title={secret === undefined ? "Create an API token" : "Your new token"}
        labelId="token-title"
      />
      <ModalBody>
        {secret === undefined ? (
          <Form
            id="token-form"
            onSubmit={(event) => {
              event.preventDefault();
              void create();
            }}
          >
            {error !== undefined && (
              <Alert variant="danger" isInline isLiveRegion title="No token was made">
                {faultSentence(error)}
              </Alert>
            )}
            <TextField
              id="token-name"
              label="Name"
              isRequired
              value={name}
              error={faults["name"]}
              hint="What it is for: “backup script”"
              onChange={setName}
            />
            <SelectField id="token-role" label="Role" value={role} options={roles} onChange={setRole} />
            <SelectField id="token-days" label="Valid for" value={days} options={lives} onChange={setDays} />
          </Form>
        ) : (
          <div className="stack">
            <Alert variant="warning" isInline title="Copy it now: it is not shown again" />
            <ClipboardCopy isReadOnly hoverTip="Copy" clickTip="Copied" textAriaLabel="The token's secret">
              {secret}
            </ClipboardCopy>
          </div>
        )}
      </ModalBody>
      <ModalFooter>
        {secret === undefined ? (
          <>
            <Button
              type="submit"
              form="token-form"
              isDisabled={name.trim() === "" || isBusy}
              isLoading={isBusy}
            >
              Create token
            </Button>
            <Button variant="link" onClick={onClose}>
              Cancel
            </Button>
          </>
        ) : (
          <Button onClick={onClose}>Done</Button>
        )}
      </ModalFooter>
    </Modal>
  );
}
