import {
  Button,
  EmptyState,
  EmptyStateActions,
  EmptyStateBody,
  EmptyStateFooter,
} from "@patternfly/react-core";
import { DownloadIcon } from "@patternfly/react-icons/dist/esm/icons/download-icon";
import { LayerGroupIcon } from "@patternfly/react-icons/dist/esm/icons/layer-group-icon";
import { UploadIcon } from "@patternfly/react-icons/dist/esm/icons/upload-icon";
import { useMemo, useState } from "react";
import { canOperate, useMe } from "../app/use-session.ts";
import { useImages, useLive, useVms } from "../live/use-live.ts";
import { Loading } from "../parts/Loading.tsx";
import { PageHeader } from "../parts/PageHeader.tsx";
import { ImageRow } from "./ImageRow.tsx";
import { PullImageModal } from "./PullImageModal.tsx";
import { TableScroller } from "../parts/TableScroller.tsx";
import { UploadImageModal } from "./UploadImageModal.tsx";

export function ImagesPage() {
  const images = useImages();
  const vms = useVms();
  const isLoaded = useLive((state) => state.isLoaded);
  const { data: me } = useMe();
  const [dialog, setDialog] = useState<"pull" | "upload">();
  const sorted = useMemo(
    () => [...images.values()].toSorted((a, b) => a.name.localeCompare(b.name)),
    [images],
  );
  const users = useMemo(() => {
    const counts = new Map<string, number>();
    for (const vm of vms.values()) {
      const used = new Set([
        ...vm.disks.flatMap((disk) => disk.image ?? []),
        ...(vm.kernel === undefined ? [] : [vm.kernel.image]),
      ]);
      for (const id of used) counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    return counts;
  }, [vms]);
  const mayAct = canOperate(me);
  const buttons = mayAct && (
    <>
      <Button variant="secondary" icon={<UploadIcon />} onClick={() => setDialog("upload")}>
        Upload
      </Button>
      <Button icon={<DownloadIcon />} onClick={() => setDialog("pull")}>
        Pull image
      </Button>
    </>
  );
  return (
    <>
      <PageHeader
        title="Images"
        subtitle="Immutable, verified disks and kernels that VMs are made from."
        actions={sorted.length > 0 && buttons}
      />
      <div className="page-body">
        {!isLoaded && <Loading />}
        {isLoaded && sorted.length === 0 && (
          <EmptyState icon={LayerGroupIcon} headingLevel="h2" titleText="No images yet">
            <EmptyStateBody>
              Pull an official cloud image from the catalogue, or upload a qcow2, raw or ISO file of your own.
            </EmptyStateBody>
            <EmptyStateFooter>
              <EmptyStateActions>{buttons}</EmptyStateActions>
            </EmptyStateFooter>
          </EmptyState>
        )}
        {sorted.length > 0 && (
          <TableScroller label="Images">
            <table className="small-table" aria-label="Images">
              <thead>
                <tr>
                  <th scope="col">Name</th>
                  <th scope="col">Guest</th>
                  <th scope="col">State</th>
                  <th scope="col">Kind</th>
                  <th scope="col">Size</th>
                  <th scope="col">Used by</th>
                  <th scope="col">Source</th>
                  <th scope="col">
                    <span className="pf-v6-screen-reader">Actions</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {sorted.map((image) => (
                  <ImageRow key={image.id} image={image} users={users.get(image.id) ?? 0} mayAct={mayAct} />
                ))}
              </tbody>
            </table>
          </TableScroller>
        )}
      </div>
      {dialog === "pull" && <PullImageModal onClose={() => setDialog(undefined)} />}
      {dialog === "upload" && <UploadImageModal onClose={() => setDialog(undefined)} />}
    </>
  );
}
