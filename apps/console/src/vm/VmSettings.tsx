import { Alert, Button, Form } from "@patternfly/react-core";
import { etagOf } from "@serai/api-contract/client";
import type { VmView } from "@serai/api-contract/schemas";
import { VmChangeSchema } from "@serai/model/vm-spec";
import { useState } from "react";
import { faultSentence, fieldFaults } from "../api/fault-words.ts";
import { schemaFaults } from "../api/schema-faults.ts";
import { useServices } from "../app/services.ts";
import { Panel } from "../parts/Panel.tsx";
import { SettingsFields } from "./SettingsFields.tsx";
import { changeFrom, settingsOf, type SettingsForm } from "./settings-form.ts";
import { DeleteVmModal } from "./DeleteVmModal.tsx";

/** What may be changed later. */
export function VmSettings({ vm }: { vm: VmView }) {
  const { client, toasts } = useServices();
  const [edited, setEdited] = useState<{ form: SettingsForm; generation: number }>();
  const [faults, setFaults] = useState<Record<string, string>>({});
  const [failure, setFailure] = useState<string>();
  const [isBusy, setIsBusy] = useState(false);
  const [isDeleting, setIsDeleting] = useState(false);
  const form = edited?.form ?? settingsOf(vm);
  const set = (part: Partial<SettingsForm>) =>
    setEdited({ form: { ...form, ...part }, generation: edited?.generation ?? vm.generation });
  const change = changeFrom(form, vm);
  const isChanged = Object.keys(change).length > 0;

  const save = async () => {
    const found = schemaFaults(VmChangeSchema, change);
    setFaults(found);
    setFailure(undefined);
    if (Object.keys(found).length > 0 || !isChanged) return;
    setIsBusy(true);
    try {
      const headers = { "if-match": etagOf(edited?.generation ?? vm.generation) };
      await client.call(
        "changeVm",
        { params: { vm: vm.id }, body: change, headers },
        AbortSignal.timeout(30_000),
      );
      setEdited(undefined);
      toasts.show({ severity: "success", title: `Changed: ${vm.name}` });
    } catch (error) {
      setFaults(fieldFaults(error));
      setFailure(faultSentence(error));
    } finally {
      setIsBusy(false);
    }
  };

  return (
    <div className="panels">
      <Panel title="Settings">
        <Form
          className="narrow-form"
          onSubmit={(event) => {
            event.preventDefault();
            void save();
          }}
        >
          {failure !== undefined && (
            <Alert variant="danger" isInline isLiveRegion title="Nothing was changed">
              {failure}
            </Alert>
          )}
          {edited !== undefined && edited.generation !== vm.generation && (
            <Alert variant="warning" isInline title="This VM changed while you were editing">
              <Button variant="link" isInline onClick={() => setEdited(undefined)}>
                Show the new values
              </Button>
            </Alert>
          )}
          <SettingsFields form={form} faults={faults} set={set} />
          <div className="form-actions">
            <Button type="submit" isDisabled={!isChanged || isBusy} isLoading={isBusy}>
              Save
            </Button>
            <Button variant="link" isDisabled={!isChanged} onClick={() => setEdited(undefined)}>
              Undo changes
            </Button>
          </div>
        </Form>
      </Panel>
      <Panel title="Delete">
        <p>Removes the VM and its disks. You will be asked to type its name.</p>
        <Button variant="danger" isDisabled={vm.isDeleting} onClick={() => setIsDeleting(true)}>
          Delete this VM
        </Button>
        {isDeleting && <DeleteVmModal vm={vm} onClose={() => setIsDeleting(false)} />}
      </Panel>
    </div>
  );
}
