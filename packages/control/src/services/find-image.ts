import { Fault } from "@serai/kit/fault";
import type { ImageRecord } from "@serai/model/image";
import type { View } from "../view/view.ts";
import { findByReference } from "../view/find-by-reference.ts";
import type { ImageEntry } from "../view/image-shelf.ts";

/** Throws `image.not_found` or `name.ambiguous`. */
export function findImage(view: View, reference: string): ImageEntry {
  const id = findByReference(view.images, reference, {
    noun: "image",
    notFound: "image.not_found",
    nameOf: (candidate) => view.images.get(candidate)?.record.name ?? candidate,
  });
  return view.images.get(id) as ImageEntry;
}

/** Also throws `image.not_ready`. */
export function findReadyImage(view: View, reference: string): ImageEntry {
  const entry = findImage(view, reference);
  if (entry.record.phase !== "ready") throw notReady(entry.record);
  return entry;
}

export const notReady = ({ name, phase }: ImageRecord): Fault =>
  new Fault("image.not_ready", `Image ${name} is ${phase}: wait until it is ready.`, { details: { phase } });
