import { Alert, Button, Form, Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core";
import type { NetworkSpec } from "@serai/model/network";
import { useState } from "react";
import { faultSentence, fieldFaults } from "../api/fault-words.ts";
import { useServices } from "../app/services.ts";
import { SelectField, TextField } from "../parts/Field.tsx";
import { settle } from "./settle.ts";

const kinds = [
  ["nat", "NAT: reaches the world through the host"],
  ["isolated", "Isolated: its VMs and nothing else"],
  ["bridged", "Bridged: one with an interface of the host"],
] as const;

export function CreateNetworkModal({ onClose, onCreated }: { onClose: () => void; onCreated: () => void }) {
  const { client } = useServices();
  const [name, setName] = useState("");
  const [kind, setKind] = useState("nat");
  const [subnet, setSubnet] = useState("");
  const [hostNic, setHostNic] = useState("");
  const [error, setError] = useState<unknown>();
  const [isBusy, setIsBusy] = useState(false);
  const isReady = name.trim() !== "" && !isBusy;

  const create = async () => {
    if (!isReady) return;
    setIsBusy(true);
    setError(undefined);
    try {
      const body: NetworkSpec = {
        name: name.trim(),
        kind: kind as NonNullable<NetworkSpec["kind"]>,
        ...(kind !== "bridged" && subnet.trim() !== "" && { ipv4: { subnet: subnet.trim() } }),
        ...(kind === "bridged" && hostNic.trim() !== "" && { hostNic: hostNic.trim() }),
      };
      const signal = AbortSignal.timeout(60_000);
      await settle(client, client.call("createNetwork", { body }, signal), signal);
      onCreated();
      onClose();
    } catch (reason) {
      setError(reason);
    } finally {
      setIsBusy(false);
    }
  };

  const faults = fieldFaults(error);
  return (
    <Modal isOpen variant="small" onClose={onClose} aria-labelledby="network-title">
      <ModalHeader title="Create a network" labelId="network-title" />
      <ModalBody>
        <Form
          id="network-form"
          onSubmit={(event) => {
            event.preventDefault();
            void create();
          }}
        >
          {error !== undefined && (
            <Alert variant="danger" isInline isLiveRegion title="The network was not made">
              {faultSentence(error)}
            </Alert>
          )}
          <TextField
            id="network-name"
            label="Name"
            isRequired
            value={name}
            error={faults["name"]}
            onChange={setName}
          />
          <SelectField id="network-kind" label="Kind" value={kind} options={kinds} onChange={setKind} />
          {kind === "bridged" ? (
            <TextField
              id="network-host-nic"
              label="The host's interface"
              value={hostNic}
              error={faults["hostNic"]}
              hint="A spare interface, or a bridge"
              onChange={setHostNic}
            />
          ) : (
            <TextField
              id="network-subnet"
              label="IPv4 subnet"
              value={subnet}
              error={faults["ipv4.subnet"]}
              hint={
                kind === "nat"
                  ? "Such as 10.20.0.0/24; a free one is chosen otherwise"
                  : "Such as 10.20.0.0/24; none otherwise"
              }
              onChange={setSubnet}
            />
          )}
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button type="submit" form="network-form" isDisabled={!isReady} isLoading={isBusy}>
          Create network
        </Button>
        <Button variant="link" onClick={onClose}>
          Cancel
        </Button>
      </ModalFooter>
    </Modal>
  );
}
