import { link, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "@serai/kit/fault";
import type { ImageFacts } from "@serai/model/host-request";
import type { ImageGuest, ImageKind } from "@serai/model/image";
import type { Appliance } from "@serai/model/appliance";
import type { ImportFormat } from "@serai/model/image-format";
import { copyHashed, hashFile } from "./copy-hashed.ts";
import { openToolJail, type ToolJail } from "./tool-jail.ts";

/** What the library knows of an image it holds: `<directory>/<id>/image.json`. */
export type StoredImage = ImageFacts & {
  kind: ImageKind;
  guest?: ImageGuest;
  appliance?: Appliance;
  /** File names inside the image's folder. */
  files: {
    content: string;
    /** All disks of an appliance, in the order of `imageDisk`; the first is `content`. */
    disks?: { file: string; format: "raw" | "qcow2"; virtualSizeBytes: number }[];
    initrd?: string;
    /** The same kernel in the form that UEFI firmware can load. */
    contentUefi?: string;
  };
};

/** An image built by `guest/`: its files by absolute path, trusted because set-up made them. */
export type BuiltinImage = {
  kind: "disk" | "kernel";
  format: "raw" | "qcow2";
  content: string;
  initrd?: string;
  contentUefi?: string;
  virtualSizeBytes: number;
  guest: ImageGuest;
};

export type Spooled = { path: string; format: ImportFormat; sha256?: string };

export type ImageLibrary = {
  takeSpooled(id: string, spooled: Spooled, signal: AbortSignal): Promise<StoredImage>;
  takeBuiltin(id: string, image: BuiltinImage, signal: AbortSignal): Promise<StoredImage>;
  find(id: string, signal: AbortSignal): Promise<StoredImage | undefined>;
  /** Absolute path of one of an image's files. */
  pathOf(id: string, file: string): string;
  remove(id: string, signal: AbortSignal): Promise<void>;
  /** Ids held, and names of unfinished folders. */
  list(signal: AbortSignal): Promise<string[]>;
};

/** Images as folders of immutable files, complete or absent: they are filled aside and renamed into place. */
export function imageLibrary(directory: string): ImageLibrary {
  const folder = (id: string) => join(directory, id);
  let jail: Promise<ToolJail> | undefined;

  const find = async (id: string): Promise<StoredImage | undefined> => {
    try {
      return JSON.parse(await readFile(join(folder(id), "image.json"), "utf8")) as StoredImage;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  };

  const fill = async (id: string, work: (aside: string) => Promise<StoredImage>): Promise<StoredImage> => {
    const there = await find(id);
    if (there !== undefined) return there;
    const aside = join(directory, `${id}.part`);
    await rm(aside, { recursive: true, force: true });
    await mkdir(aside, { mode: 0o711 });
    try {
      const image = await work(aside);
      await writeFile(join(aside, "image.json"), JSON.stringify(image), { mode: 0o444, flush: true });
      await rename(aside, folder(id));
      return image;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOSPC") {
        throw new Fault(
          "pool.full",
          "There is no space left for this image; delete volumes or images, or enlarge the pool.",
          {
            cause: error,
          },
        );
      }
      throw error;
    } finally {
      await rm(aside, { recursive: true, force: true });
    }
  };

  return {
    find,
    pathOf: (id, file) => join(folder(id), file),

    takeSpooled: (id, spooled, signal) =>
      fill(id, async (aside) => {
        jail ??= openToolJail(signal);
        jail.catch(() => (jail = undefined)); // probed again next time
        return takeSpooled({ id, aside, spooled, jail: await jail }, signal);
      }),

    takeBuiltin: (id, image, signal) => fill(id, (aside) => takeBuiltin(aside, image, signal)),

    async remove(id) {
      await rm(folder(id), { recursive: true, force: true });
    },

    async list() {
      return readdir(directory);
    },
  };
}

/** Our own builds need no copy where a hard link will do; both ends are read-only. */
async function adopt(
  from: string,
  to: string,
  signal: AbortSignal,
): Promise<{ sha256: string; sizeBytes: number }> {
  try {
    await link(from, to);
    return await hashFile(to, signal);
  } catch (error) {
    if (
      (error as NodeJS.ErrnoException).code !== "EXDEV" &&
      (error as NodeJS.ErrnoException).code !== "EPERM"
    )
      throw error;
    return copyHashed(from, to, 0, signal);
  }
}

async function takeBuiltin(aside: string, image: BuiltinImage, signal: AbortSignal): Promise<StoredImage> {
  const content = `content.${image.format}`;
  const { sha256, sizeBytes } = await adopt(image.content, join(aside, content), signal);
  const files: StoredImage["files"] = { content };
  for (const name of ["initrd", "contentUefi"] as const) {
    if (image[name] === undefined) continue;
    await adopt(image[name], join(aside, name), signal);
    files[name] = name;
  }
  const { format, virtualSizeBytes, kind, guest } = image;
  return { format, virtualSizeBytes, sizeBytes, sha256, kind, guest, files };
}

type Taking = { id: string; aside: string; spooled: Spooled; jail: ToolJail };

async function takeSpooled({ id, aside, spooled, jail }: Taking, signal: AbortSignal): Promise<StoredImage> {
  if (spooled.format === "ova") {
    // Most hosts never see one: what reads them is loaded when one comes.
    const { takeAppliance } = await import("./ova/take-appliance.ts");
    const checkWhole = (found: string) => checkAnnounced(found, spooled);
    const { disks, appliance, sha256 } = await takeAppliance(
      { id, archive: spooled.path, folder: aside, checkWhole },
      jail,
      signal,
    );
    const first = disks[0] as (typeof disks)[number];
    return {
      format: first.format,
      virtualSizeBytes: first.virtualSizeBytes,
      sizeBytes: disks.reduce((sum, disk) => sum + disk.sizeBytes, 0),
      sha256,
      kind: "disk",
      appliance,
      files: {
        content: first.file,
        disks: disks.map(({ file, format, virtualSizeBytes }) => ({
          file,
          format: format === "raw" ? "raw" : "qcow2",
          virtualSizeBytes,
        })),
      },
    };
  }
  const path = join(aside, "upload");
  // The spool's owner could change the file after it was checked: check and keep a copy of our own.
  const { sha256 } = await copyHashed(spooled.path, path, 0, signal);
  checkAnnounced(sha256, spooled);
  const { takeDisk } = await import("./take-disk.ts");
  const { file, ...facts } = await takeDisk(
    { path, format: spooled.format, folder: aside, name: "content" },
    jail,
    signal,
  );
  return { ...facts, sha256, kind: spooled.format === "iso" ? "iso" : "disk", files: { content: file } };
}

function checkAnnounced(sha256: string, spooled: Spooled): void {
  if (spooled.sha256 === undefined || sha256 === spooled.sha256) return;
  throw new Fault(
    "image.checksum_mismatch",
    `The content has SHA-256 ${sha256}, not ${spooled.sha256} as announced; fetch it again.`,
  );
}
