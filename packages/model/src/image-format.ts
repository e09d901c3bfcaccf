/** What an image may arrive as. Everything but raw, qcow2 and iso is converted to qcow2 when it is taken in. */
export const importFormats = ["raw", "qcow2", "iso", "vmdk", "vhdx", "vpc", "vdi", "ova"] as const;
export type ImportFormat = (typeof importFormats)[number];

/** What images are kept as. */
export const storedFormats = ["raw", "qcow2", "iso"] as const;
export type StoredFormat = (typeof storedFormats)[number];

/** What a disk can leave as; `vmdk` is the stream-optimised kind, `vmdk-sparse` the one that can be written to. */
export const diskExportFormats = ["raw", "qcow2", "vmdk", "vmdk-sparse", "vhdx", "vpc", "vdi"] as const;
export type DiskExportFormat = (typeof diskExportFormats)[number];

/** A whole VM can also leave as an appliance with all its disks. */
export const vmExportFormats = [...diskExportFormats, "ova"] as const;
export type VmExportFormat = (typeof vmExportFormats)[number];

/** The usual ending of a file of that format. */
export function fileEnding(format: VmExportFormat): string {
  if (format === "vpc") return "vhd";
  return format === "vmdk-sparse" ? "vmdk" : format;
}

const endings: Readonly<Record<string, ImportFormat>> = {
  vhd: "vpc",
  img: "raw",
  ...Object.fromEntries(importFormats.map((format) => [format, format])),
};

/** What the ending of a file's name says; of what is behind a URL nothing else is known. */
export const formatFromName = (name: string): ImportFormat | undefined =>
  endings[name.toLowerCase().split(".").at(-1) ?? ""];

/** So many of a file's first bytes decide {@link guessFormat}. */
export const guessBytes = 0x8006;

const marks: readonly [ImportFormat, number, string][] = [
  ["qcow2", 0, "QFI\xfb"],
  ["vmdk", 0, "KDMV"],
  ["vmdk", 0, "COWD"],
  ["vmdk", 0, "# Disk DescriptorFile"],
  ["vhdx", 0, "vhdxfile"],
  ["vpc", 0, "conectix"],
  ["vdi", 64, "\x7f\x10\xda\xbe"],
  ["ova", 257, "ustar"],
];

/** A guess from a file's beginning and its name, as a proposal to its owner; never a reason to trust it. */
export function guessFormat(head: Uint8Array, name: string): ImportFormat {
  const has = (at: number, mark: string) =>
    mark.split("").every((char, index) => head[at + index] === char.charCodeAt(0));
  const found = marks.find(([, at, mark]) => has(at, mark));
  if (found !== undefined) return found[0];
  const named = formatFromName(name);
  if (named === "iso" && has(0x8001, "CD001")) return "iso";
  // A VHD of fixed size says what it is only at its end.
  return named === "vpc" ? "vpc" : "raw";
}
