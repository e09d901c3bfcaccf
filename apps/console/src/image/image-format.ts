export type UploadFormat = "raw" | "qcow2" | "iso";

/** Judges a file by its first bytes, and by its name where raw bytes say nothing. The server looks again. */
export async function formatOf(file: File): Promise<UploadFormat> {
  const head = new Uint8Array(await file.slice(0, 4).arrayBuffer());
  if (head[0] === 0x51 && head[1] === 0x46 && head[2] === 0x49 && head[3] === 0xfb) return "qcow2";
  const mark = new TextDecoder("latin1").decode(await file.slice(0x8001, 0x8006).arrayBuffer());
  return mark === "CD001" && /\.iso$/i.test(file.name) ? "iso" : "raw";
}

/** "Debian 12 (x64).qcow2" → "debian-12-x64". */
export function imageNameOf(fileName: string): string {
  return fileName
    .toLowerCase()
    .replace(/\.(qcow2|img|raw|iso|bin)$/, "")
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, "")
    .slice(0, 63);
}
