import { imageView } from "@serai/model/vm-view";
import type { ImageRecord } from "@serai/model/image";

export type ImageProgress = { progress?: number; receivedBytes?: number };
export type ImageEntry = { record: ImageRecord; revision: number };

/** The images in memory, with the progress that is too short-lived for the store. */
export class ImageShelf {
  readonly #entries = new Map<string, ImageEntry>();
  readonly #byName = new Map<string, string>();
  readonly #progress = new Map<string, ImageProgress>();

  get(id: string): ImageEntry | undefined {
    return this.#entries.get(id);
  }

  idOf(name: string): string | undefined {
    return this.#byName.get(name);
  }

  ids(): IterableIterator<string> {
    return this.#entries.keys();
  }

  names(): readonly string[] {
    return [...this.#byName.keys()].sort();
  }

  json(id: string): string | undefined {
    const entry = this.#entries.get(id);
    return entry && JSON.stringify(imageView(entry.record, this.#progress.get(id)));
  }

  /** Keeps the progress of an image until it has another phase. */
  noteProgress(id: string, progress: ImageProgress): void {
    if (this.#entries.has(id)) this.#progress.set(id, progress);
  }

  put(id: string, value: string, revision: number): void {
    const record = JSON.parse(value) as ImageRecord;
    const old = this.#entries.get(id);
    if (old?.record.phase !== record.phase) this.#progress.delete(id);
    if (old !== undefined) this.#byName.delete(old.record.name);
    this.#entries.set(id, { record, revision });
    this.#byName.set(record.name, id);
  }

  remove(id: string): void {
    const old = this.#entries.get(id);
    if (old !== undefined) this.#byName.delete(old.record.name);
    this.#entries.delete(id);
    this.#progress.delete(id);
  }
}
