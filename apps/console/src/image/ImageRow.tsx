import { Button, Label, Progress } from "@patternfly/react-core";
import type { ImageView } from "@serai/api-contract/schemas";
import { Link } from "@tanstack/react-router";
import { useState, useSyncExternalStore } from "react";
import { faultSentence } from "../api/fault-words.ts";
import { useAction } from "../api/use-action.ts";
import { useServices } from "../app/services.ts";
import { ConfirmModal } from "../parts/ConfirmModal.tsx";
import { bytes } from "../parts/format.ts";
import { ResumeUpload } from "./ResumeUpload.tsx";

const phases: Readonly<Record<string, readonly [string, "success" | "danger" | "info" | "warning"]>> = {
  pending: ["Waiting", "info"],
  receiving: ["Receiving", "info"],
  checking: ["Checking", "info"],
  ready: ["Ready", "success"],
  failed: ["Failed", "danger"],
  removing: ["Deleting", "warning"],
};

function sourceWords(source: ImageView["source"] & { name?: string; url?: string }): string {
  if (source.kind === "catalogue") return `catalogue: ${source.name}`;
  if (source.kind === "url") return source.url ?? "an address";
  return source.kind === "builtin" ? "built here" : "uploaded";
}

export function ImageRow({ image, users, mayAct }: { image: ImageView; users: number; mayAct: boolean }) {
  const { client, uploads } = useServices();
  const act = useAction();
  const [isDeleting, setIsDeleting] = useState(false);
  const upload = useSyncExternalStore(uploads.subscribe, () => uploads.get().get(image.id));
  const remove = () =>
    act(`Delete: ${image.name}`, (signal) =>
      client.call("deleteImage", { params: { image: image.id } }, signal),
    );
  const [words, status] = phases[image.phase] ?? [image.phase, "info"];
  const isComing = image.phase === "receiving" || image.phase === "pending" || image.phase === "checking";
  const isStuck =
    image.source.kind === "upload" &&
    isComing &&
    image.phase !== "checking" &&
    (upload === undefined || upload.phase === "failed");
  return (
    <tr data-image={image.name}>
      <th scope="row">{image.name}</th>
      <td>{image.guest?.title}</td>
      <td className="wide">
        <Label isCompact status={status}>
          {words}
        </Label>
        {isComing && (
          <ImageProgress
            image={image}
            sentShare={upload && upload.phase !== "done" ? upload.sentBytes / upload.totalBytes : undefined}
          />
        )}
        {upload?.phase === "waiting" && (
          <span className="quiet block">{faultSentence(upload.fault)} It goes on by itself.</span>
        )}
        {image.fault !== undefined && <span className="block">{image.fault.message}</span>}
        {upload?.phase === "failed" && image.fault === undefined && (
          <span className="block">{faultSentence(upload.fault)}</span>
        )}
      </td>
      <td>{[image.kind, image.format].filter(Boolean).join(", ")}</td>
      <td className="nowrap">
        {image.sizeBytes !== undefined && bytes(image.sizeBytes)}
        {image.virtualSizeBytes !== undefined && image.virtualSizeBytes !== image.sizeBytes && (
          <span className="quiet block">{bytes(image.virtualSizeBytes)} in the guest</span>
        )}
      </td>
      <td>{users === 0 ? <span className="quiet">no VM</span> : `${users} ${users === 1 ? "VM" : "VMs"}`}</td>
      <td className="source">{sourceWords(image.source)}</td>
      <td>
        {mayAct && (
          <span className="row-actions">
            {image.phase === "ready" && (
              <Button
                size="sm"
                variant="secondary"
                component={(props) => <Link {...props} to="/vms/create" search={{ image: image.id }} />}
              >
                Create VM
              </Button>
            )}
            {isStuck && <ResumeUpload image={image} />}
            {upload?.phase === "sending" && (
              <Button size="sm" variant="secondary" onClick={() => uploads.stop(image.id)}>
                Stop
              </Button>
            )}
            <Button
              size="sm"
              variant="secondary"
              isDanger
              aria-label={`Delete ${image.name}`}
              isDisabled={users > 0 || image.phase === "removing"}
              title={users > 0 ? "VMs that were made from it still need it" : undefined}
              onClick={() => setIsDeleting(true)}
            >
              Delete
            </Button>
          </span>
        )}
        {isDeleting && (
          <ConfirmModal
            title={`Delete ${image.name}?`}
            act="Delete image"
            onConfirm={remove}
            onClose={() => setIsDeleting(false)}
          >
            No VM uses it. To have it again, it must be pulled or uploaded again.
          </ConfirmModal>
        )}
      </td>
    </tr>
  );
}

function ImageProgress({ image, sentShare }: { image: ImageView; sentShare: number | undefined }) {
  const share = sentShare ?? image.progress;
  if (share === undefined) return null;
  return (
    <Progress
      size="sm"
      measureLocation="outside"
      value={Math.round(share * 100)}
      aria-label={`Progress of ${image.name}`}
    />
  );
}
