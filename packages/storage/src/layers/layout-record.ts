import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { Fault } from "@serai/kit/fault";
import { freshLayout, type VolumeLayout } from "@serai/model/volume-layers";

/** The record of how a VM's volumes are layered; a VM without one has its base layer only. */
export function readLayout(file: string): VolumeLayout {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return freshLayout;
    throw error;
  }
  try {
    return JSON.parse(text) as VolumeLayout;
  } catch (error) {
    // Starting from a guess could show the guest an old disk.
    throw new Fault(
      "volume.not_found",
      `The record of the disk layers, ${file}, cannot be read: restore it from a backup.`,
      {
        cause: error,
      },
    );
  }
}

/** Replaces the record. Once this returns, it outlives a loss of power. */
export function writeLayout(file: string, layout: VolumeLayout): void {
  const part = `${file}.part`;
  rmSync(part, { force: true });
  withFile(part, "wx", (fd) => writeSync(fd, JSON.stringify(layout)));
  renameSync(part, file);
  withFile(dirname(file), "r", () => {});
}

function withFile(path: string, flags: string, work: (fd: number) => unknown): void {
  const fd = openSync(path, flags, 0o600);
  try {
    work(fd);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
