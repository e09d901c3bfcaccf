import {
  Button,
  ClipboardCopy,
  EmptyState,
  EmptyStateBody,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
} from "@patternfly/react-core";
import { KeyIcon } from "@patternfly/react-icons/dist/esm/icons/key-icon";
import { PlusIcon } from "@patternfly/react-icons/dist/esm/icons/plus-icon";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useAction } from "../api/use-action.ts";
import { useServices } from "../app/services.ts";
import { ConfirmModal } from "../parts/ConfirmModal.tsx";
import { FaultAlert } from "../parts/FaultAlert.tsx";
import { Loading } from "../parts/Loading.tsx";
import { Moment } from "../parts/Moment.tsx";
import { PageHeader } from "../parts/PageHeader.tsx";
import { TableScroller } from "../parts/TableScroller.tsx";
import { CreateTokenModal } from "./CreateTokenModal.tsx";

export function TokensPage() {
  const { client } = useServices();
  const act = useAction();
  const [isCreating, setIsCreating] = useState(false);
  const [link, setLink] = useState<string>();
  const [revoking, setRevoking] = useState<{ id: string; name: string }>();
  const { data, error, refetch } = useQuery({
    queryKey: ["tokens"],
    queryFn: ({ signal }) => client.call("listTokens", {}, signal),
  });
  const makeLink = () =>
    act("No login link was made", async (signal) =>
      setLink((await client.call("createLoginLink", {}, signal)).url),
    );
  const revoke = (id: string) =>
    act("The token was not revoked", async (signal) => {
      await client.call("deleteToken", { params: { token: id } }, signal);
      await refetch();
    });
  return (
    <>
      <PageHeader
        title="API tokens"
        subtitle="For scripts and other machines. People log in by one-time links."
        actions={
          <>
            <Button variant="secondary" onClick={() => void makeLink()}>
              Make a login link
            </Button>
            <Button icon={<PlusIcon />} onClick={() => setIsCreating(true)}>
              Create token
            </Button>
          </>
        }
      />
      <div className="page-body">
        {error !== null && (
          <FaultAlert title="The tokens cannot be shown" error={error} onRetry={() => void refetch()} />
        )}
        {data === undefined && error === null && <Loading />}
        {data?.items.length === 0 && (
          <EmptyState icon={KeyIcon} headingLevel="h2" titleText="No API tokens">
            <EmptyStateBody>Create one for a script; it can be revoked at any time.</EmptyStateBody>
          </EmptyState>
        )}
        {data !== undefined && data.items.length > 0 && (
          <TableScroller label="API tokens">
            <table className="small-table" aria-label="API tokens">
              <thead>
                <tr>
                  <th scope="col">Name</th>
                  <th scope="col">Role</th>
                  <th scope="col">Created</th>
                  <th scope="col">Last used</th>
                  <th scope="col">Expires</th>
                  <th scope="col">
                    <span className="pf-v6-screen-reader">Actions</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {data.items.map((token) => (
                  <tr key={token.id}>
                    <th scope="row">{token.name}</th>
                    <td>{token.role}</td>
                    <td>
                      <Moment at={token.createdAt} />
                    </td>
                    <td>
                      {token.lastUsedAt === undefined ? (
                        <span className="quiet">never</span>
                      ) : (
                        <Moment at={token.lastUsedAt} />
                      )}
                    </td>
                    <td>
                      {token.expiresAt === undefined ? (
                        <span className="quiet">never</span>
                      ) : (
                        <Moment at={token.expiresAt} />
                      )}
                    </td>
                    <td>
                      <Button
                        size="sm"
                        variant="secondary"
                        isDanger
                        aria-label={`Revoke ${token.name}`}
                        onClick={() => setRevoking(token)}
                      >
                        Revoke
                      </Button>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </TableScroller>
        )}
      </div>
      {isCreating && (
        <CreateTokenModal onClose={() => setIsCreating(false)} onCreated={() => void refetch()} />
      )}
      {revoking !== undefined && (
        <ConfirmModal
          title={`Revoke ${revoking.name}?`}
          act="Revoke"
          onConfirm={() => revoke(revoking.id)}
          onClose={() => setRevoking(undefined)}
        >
          Whoever uses it is refused from now on.
        </ConfirmModal>
      )}
      {link !== undefined && <LinkModal link={link} onClose={() => setLink(undefined)} />}
    </>
  );
}

function LinkModal({ link, onClose }: { link: string; onClose: () => void }) {
  return (
    <Modal isOpen variant="medium" onClose={onClose} aria-labelledby="link-title">
      <ModalHeader
        title="One-time login link"
        labelId="link-title"
        description="It works once, within ten minutes."
      />
      <ModalBody>
        <ClipboardCopy isReadOnly hoverTip="Copy" clickTip="Copied" textAriaLabel="Login link">
          {link}
        </ClipboardCopy>
      </ModalBody>
      <ModalFooter>
        <Button onClick={onClose}>Done</Button>
      </ModalFooter>
    </Modal>
  );
}
