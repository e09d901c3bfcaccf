import { guessBytes, guessFormat, importFormats, type ImportFormat } from "@serai/model/image-format";

/** As a list to choose from. */
export const formatOptions = importFormats.map((format) => [format, format] as const);

/** A proposal, by a file's first bytes and its name. The server looks again. */
export async function formatOf(file: File): Promise<ImportFormat> {
  return guessFormat(new Uint8Array(await file.slice(0, guessBytes).arrayBuffer()), file.name);
}

/** "Debian 12 (x64).qcow2" → "debian-12-x64". */
export function imageNameOf(fileName: string): string {
  return fileName
    .toLowerCase()
    .replace(/\.(qcow2|img|raw|iso|bin|vmdk|vhdx?|vdi|ova)$/, "")
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, "")
    .slice(0, 63);
}
