import { link, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "@serai/kit/fault";
import type { ImageFacts } from "@serai/model/host-request";
import type { ImageGuest, ImageKind } from "@serai/model/image";
import { copyHashed, hashFile } from "./copy-hashed.ts";
import { headerBytes, readImageHeader, type DeclaredFormat } from "./image-header.ts";
import { runTool } from "./run-tool.ts";

/** What the library knows of an image it holds: `<directory>/<id>/image.json`. */
export type StoredImage = ImageFacts & {
  kind: ImageKind;
  guest?: ImageGuest;
  /** File names inside the image's folder. */
  files: {
    content: string;
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

export type Spooled = { path: string; format: DeclaredFormat; sha256?: string };

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
        throw new Fault("pool.full", "There is no space left for this image; delete volumes or images, or enlarge the pool.", {
          cause: error,
        });
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
        const content = `content.${spooled.format}`;
        const path = join(aside, content);
        // The spool's owner could change the file after it was checked: check and keep a copy of our own.
        const copied = await copyHashed(spooled.path, path, headerBytes, signal);
        if (spooled.sha256 !== undefined && copied.sha256 !== spooled.sha256) {
          throw new Fault(
            "image.checksum_mismatch",
            `The content has SHA-256 ${copied.sha256}, not ${spooled.sha256} as announced; fetch it again.`,
          );
        }
        const facts = readImageHeader(copied.head, copied.sizeBytes, spooled.format);
        if (facts.format === "qcow2") await checkQcow2(path, signal);
        return {
          ...facts,
          sizeBytes: copied.sizeBytes,
          sha256: copied.sha256,
          kind: spooled.format === "iso" ? "iso" : "disk",
          files: { content },
        };
      }),

    takeBuiltin: (id, image, signal) =>
      fill(id, async (aside) => {
        const content = `content.${image.format}`;
        const { sha256, sizeBytes } = await adopt(image.content, join(aside, content), signal);
        const files: StoredImage["files"] = { content };
        for (const name of ["initrd", "contentUefi"] as const) {
          if (image[name] === undefined) continue;
          await adopt(image[name], join(aside, name), signal);
          files[name] = name;
        }
        return {
          format: image.format,
          virtualSizeBytes: image.virtualSizeBytes,
          sizeBytes,
          sha256,
          kind: image.kind,
          guest: image.guest,
          files,
        };
      }),

    async remove(id) {
      await rm(folder(id), { recursive: true, force: true });
    },

    async list() {
      return readdir(directory);
    },
  };
}

/** Our own builds need no copy where a hard link will do; both ends are read-only. */
async function adopt(from: string, to: string, signal: AbortSignal): Promise<{ sha256: string; sizeBytes: number }> {
  try {
    await link(from, to);
    return await hashFile(to, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EXDEV" && (error as NodeJS.ErrnoException).code !== "EPERM") throw error;
    return copyHashed(from, to, 0, signal);
  }
}

async function checkQcow2(path: string, signal: AbortSignal): Promise<void> {
  const result = await runTool(
    ["qemu-img", "check", "-q", "-f", "qcow2", path],
    { deadlineMs: 120_000, isUnprivileged: true, maxMemoryBytes: 2 * 1024 ** 3 },
    signal,
  );
  // 3 = leaked clusters only: wasted space, correct data.
  if (result.exitCode !== 0 && result.exitCode !== 3) {
    const words = result.stderr.trim().split("\n").slice(-1)[0] ?? "";
    throw new Fault("image.unreadable", `The image cannot be used. Its structure is damaged or truncated: ${words}`);
  }
}
