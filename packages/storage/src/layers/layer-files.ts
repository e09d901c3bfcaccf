import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import { Fault } from "@serai/kit/fault";
import { isOrphan, layerFile, ownFile, type VolumeLayout } from "@serai/model/volume-layers";
import { runTool } from "../run-tool.ts";
import { blankOverlayBytes, readQcow2, writeOverlay } from "./qcow2-overlay.ts";

type Owner = { uid: number; gid: number };

/**
 * The layer files of one VM, all in one folder. A layer names the one below by its bare file name, so that the same
 * file serves in every folder that holds it.
 */
export type LayerFiles = {
  path(file: string): string;
  /** Makes the files of a new layer on top of `parent`; all or none. */
  create(layout: VolumeLayout, layer: { id: string; parent: string; disks: readonly string[] }): void;
  /** From here on nobody may write to these files, whoever they run as. */
  freeze(files: readonly string[]): void;
  thaw(files: readonly string[]): void;
  /** True if another VM has one of them, too. */
  isShared(files: readonly string[]): boolean;
  remove(files: readonly string[]): void;
  /** What stands in a layer's file about the one below. */
  below(file: string): { file: string; format: "qcow2" | "raw" } | undefined;
  /** Copies what a layer needs of the one below it into it and leaves that one out; nobody may have it open. */
  pullUp(
    file: string,
    base: { file: string; format: "qcow2" | "raw" } | undefined,
    signal: AbortSignal,
  ): Promise<void>;
  /** Makes a file of this folder one of another folder, too; it must never be written to again. */
  lend(file: string, folder: string): void;
  /** True if nothing was ever written to a layer's file. */
  isBlank(file: string): boolean;
  /** Writes what a layer shows to a file of its own, for its new owner. */
  copyOut(file: string, target: string, to: Owner | undefined, signal: AbortSignal): Promise<void>;
  /** Removes files that the layout does not name. */
  sweep(layout: VolumeLayout): string[];
};

/** As directory pools make their volumes. */
const qcow2Options = "cluster_size=128k,extended_l2=on,lazy_refcounts=on";
const pullDeadlineMs = 60 * 60_000;

export function layerFiles(folder: string, owner: Owner | undefined): LayerFiles {
  const path = (file: string) => join(folder, file);
  return {
    path,
    create(layout, { id, parent, disks }) {
      const made: string[] = [];
      try {
        for (const disk of disks) {
          const below = layerFile(layout, parent, disk);
          const { sizeBytes } = readQcow2(path(below));
          made.push(ownFile(id, disk));
          writeOverlay(path(ownFile(id, disk)), { backing: below, backingFormat: "qcow2", sizeBytes }, owner);
        }
        syncFolder(folder);
      } catch (error) {
        for (const file of made) rmSync(path(file), { force: true });
        throw asFault(error);
      }
    },
    freeze: (files) => files.forEach((file) => setAccess(path(file), owner, { uid: 0, gid: 0 }, 0o444)),
    thaw: (files) => files.forEach((file) => setAccess(path(file), owner, owner, 0o600)),
    isShared: (files) => files.some((file) => existsSync(path(file)) && lstatSync(path(file)).nlink > 1),
    remove: (files) => files.forEach((file) => rmSync(path(file), { force: true })),
    below(file) {
      const { backing, backingFormat } = readQcow2(path(file));
      return backing === undefined ? undefined : { file: backing, format: backingFormat ?? "qcow2" };
    },
    pullUp: (file, base, signal) => pullUp(path(file), { base, owner }, signal),
    lend(file, other) {
      try {
        linkSync(path(file), join(other, file));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error; // lent by an earlier try
      }
    },
    isBlank: (file) => lstatSync(path(file)).size <= blankOverlayBytes(readQcow2(path(file)).sizeBytes),
    copyOut: (file, target, to, signal) =>
      copyOut({ source: path(file), part: path(`${file}.copy`), target, owner, to }, signal),
    sweep(layout) {
      const orphans = existsSync(folder) ? readdirSync(folder).filter((file) => isOrphan(layout, file)) : [];
      for (const file of orphans) rmSync(path(file), { force: true });
      return orphans;
    },
  };
}

type Pull = { base: { file: string; format: "qcow2" | "raw" } | undefined; owner: Owner | undefined };

async function pullUp(path: string, { base, owner }: Pull, signal: AbortSignal): Promise<void> {
  const target = base === undefined ? ["-b", ""] : ["-F", base.format, "-b", base.file];
  const result = await runTool(
    ["qemu-img", "rebase", "-q", "-f", "qcow2", "-t", "writeback", ...target, path],
    { deadlineMs: pullDeadlineMs, ...(owner !== undefined && { isUnprivileged: true, user: owner }) },
    signal,
  );
  if (result.exitCode === 0) return;
  const reason = result.stderr.trim() || "no reason given";
  throw new Fault("volume.locked", `A disk layer could not be merged: ${reason}.`);
}

type CopyOut = {
  source: string;
  part: string;
  target: string;
  owner: Owner | undefined;
  to: Owner | undefined;
};

async function copyOut({ source, part, target, owner, to }: CopyOut, signal: AbortSignal): Promise<void> {
  rmSync(part, { force: true });
  try {
    const result = await runTool(
      ["qemu-img", "convert", "-q", "-f", "qcow2", "-O", "qcow2", "-o", qcow2Options, source, part],
      { deadlineMs: pullDeadlineMs, ...(owner !== undefined && { isUnprivileged: true, user: owner }) },
      signal,
    );
    if (result.exitCode !== 0) {
      const reason = result.stderr.trim() || "no reason given";
      throw new Fault("pool.full", `A disk could not be copied: ${reason}.`);
    }
    setAccess(part, owner, to, 0o600);
    renameSync(part, target);
  } finally {
    rmSync(part, { force: true });
  }
}

function setAccess(path: string, owner: Owner | undefined, to: Owner | undefined, mode: number): void {
  // The folder is the QEMU user's: what lies there may have been replaced by a link to somewhere else.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const facts = fstatSync(fd);
    if (!facts.isFile() || (owner !== undefined && facts.uid !== owner.uid && facts.uid !== 0)) {
      throw new Fault("volume.not_found", `The volume file ${path} is not the VM's own any more.`);
    }
    if (owner !== undefined && to !== undefined) fchownSync(fd, to.uid, to.gid);
    fchmodSync(fd, mode);
  } finally {
    closeSync(fd);
  }
}

function syncFolder(folder: string): void {
  const fd = openSync(folder, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function asFault(error: unknown): unknown {
  if ((error as NodeJS.ErrnoException).code !== "ENOSPC") return error;
  return new Fault(
    "pool.full",
    "There is no space for another disk layer: delete volumes, snapshots or images.",
    { cause: error },
  );
}
