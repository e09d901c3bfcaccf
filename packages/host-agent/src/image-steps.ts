import { join } from "node:path";
import { Fault } from "@serai/kit/fault";
import type { ImageFacts } from "@serai/model/host-request";
import type { ImageGuest, ImageKind } from "@serai/model/image";
import type { ImageLibrary } from "@serai/storage/image-library";
import { findBuiltinImage } from "./builtin-images.ts";
import type { HostAgentConfig } from "./config.ts";
import type { Intents } from "./intent-source.ts";
import { stale } from "./stale.ts";

type Means = {
  config: Pick<HostAgentConfig, "builtinImages" | "spoolDirectory">;
  intents: Intents;
  images: ImageLibrary;
};

/** Brings an image in from where its stored intent says. The caller sees to it that calls for one image take turns. */
export async function takeImage(
  image: string,
  generation: number,
  { config, intents, images }: Means,
  signal: AbortSignal,
): Promise<ImageFacts & { kind: ImageKind; guest?: ImageGuest }> {
  const record = intents.image(image);
  if (record === undefined) throw new Fault("image.not_found", `There is no image ${image} in the store.`);
  if (record.generation !== generation) throw stale("image", image, record.generation);
  if (record.source.kind === "builtin") {
    return images.takeBuiltin(
      image,
      await findBuiltinImage(config.builtinImages, record.source.name),
      signal,
    );
  }
  if (record.format === undefined)
    throw new Fault("image.unreadable", `The format of image ${image} was not declared.`);
  const sha256 = record.sha256 ?? (record.source.kind === "url" ? record.source.sha256 : undefined);
  const path = join(config.spoolDirectory, image);
  return images.takeSpooled(
    image,
    { path, format: record.format, ...(sha256 !== undefined && { sha256 }) },
    signal,
  );
}

/** Deletes an image that no intent wants to keep. The caller sees to it that calls for one image take turns. */
export async function removeImage(
  image: string,
  { intents, images }: Pick<Means, "intents" | "images">,
  signal: AbortSignal,
): Promise<void> {
  const record = intents.image(image);
  if (record !== undefined && record.phase !== "removing" && record.phase !== "failed") {
    throw new Fault("image.in_use", `The stored intent of image ${image} is not to remove it.`);
  }
  await images.remove(image, signal);
}
