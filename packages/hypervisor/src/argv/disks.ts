import type { PlannedDisk } from "../launch-plan.ts";
import { nvmeArgv } from "./disk-nvme.ts";
import { diskNodeArgv } from "./disk-node.ts";
import { sataArgv } from "./disk-sata.ts";
import { virtioBlkArgv } from "./disk-virtio-blk.ts";
import { scsiControllerArgv, virtioScsiArgv } from "./disk-virtio-scsi.ts";

/** All disks in order, which is the order the firmware tries to boot from. */
export function disksArgv(disks: readonly PlannedDisk[]): string[] {
  const sata = disks.filter((disk) => disk.bus === "sata");
  return [
    ...(disks.some((disk) => disk.bus === "virtio-scsi") ? scsiControllerArgv() : []),
    ...disks.flatMap((disk, index) => [
      ...diskNodeArgv(disk),
      ...deviceArgv(disk, index, sata.indexOf(disk)),
    ]),
  ];
}

function deviceArgv({ name, bus, isReadOnly }: PlannedDisk, index: number, port: number): string[] {
  switch (bus) {
    case "virtio-blk":
      return virtioBlkArgv({ name, index, isReadOnly });
    case "virtio-scsi":
      return virtioScsiArgv({ name, index, isReadOnly });
    case "sata":
      return sataArgv({ name, index, isReadOnly, port });
    case "nvme":
      return nvmeArgv({ name, index, isReadOnly });
  }
}
