import {
  Button,
  Form,
  FormGroup,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
  TextInput,
} from "@patternfly/react-core";
import { useId, useState, type ReactNode } from "react";

export type ConfirmModalProps = {
  title: string;
  children: ReactNode;
  /** The button's words, naming the act: "Delete VM". */
  act: string;
  /** Must be typed before the button works: for what cannot be undone. */
  typed?: string;
  onConfirm: () => Promise<boolean>;
  onClose: () => void;
};

/** Asks before a destructive act; stays open when the act fails. */
export function ConfirmModal({ title, children, act, typed, onConfirm, onClose }: ConfirmModalProps) {
  const [text, setText] = useState("");
  const [isBusy, setIsBusy] = useState(false);
  const id = useId();
  const isReady = typed === undefined || text.trim() === typed;
  const confirm = async () => {
    if (!isReady || isBusy) return;
    setIsBusy(true);
    const isDone = await onConfirm();
    setIsBusy(false);
    if (isDone) onClose();
  };
  return (
    <Modal isOpen variant="small" onClose={onClose} aria-labelledby={`${id}-title`}>
      <ModalHeader title={title} titleIconVariant="warning" labelId={`${id}-title`} />
      <ModalBody>
        <Form
          onSubmit={(event) => {
            event.preventDefault();
            void confirm();
          }}
        >
          <div>{children}</div>
          {typed !== undefined && (
            <FormGroup
              label={
                <>
                  Type <strong>{typed}</strong> to confirm
                </>
              }
              fieldId={`${id}-typed`}
            >
              <TextInput
                id={`${id}-typed`}
                value={text}
                autoComplete="off"
                spellCheck={false}
                onChange={(_, value) => setText(value)}
              />
            </FormGroup>
          )}
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button
          variant="danger"
          isDisabled={!isReady || isBusy}
          isLoading={isBusy}
          onClick={() => void confirm()}
        >
          {act}
        </Button>
        <Button variant="link" onClick={onClose}>
          Cancel
        </Button>
      </ModalFooter>
    </Modal>
  );
}
