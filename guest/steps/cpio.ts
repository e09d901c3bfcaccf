import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";

/** One member of an archive. Device nodes can be named without the right to make them. */
export type CpioEntry = {
  path: string;
  mode: number;
  data?: Uint8Array;
  device?: { major: number; minor: number };
};

const directory = 0o040755;
const symlink = 0o120777;
const characterDevice = 0o020600;

export function cpioDirectory(path: string): CpioEntry {
  return { path, mode: directory };
}

export function cpioSymlink(path: string, target: string): CpioEntry {
  return { path, mode: symlink, data: Buffer.from(target) };
}

export function cpioFile(path: string, data: Uint8Array, permissions = 0o644): CpioEntry {
  return { path, mode: 0o100000 | permissions, data };
}

export function cpioDevice(path: string, major: number, minor: number): CpioEntry {
  return { path, mode: characterDevice, device: { major, minor } };
}

/** Reads a folder as archive members, owned by root, in a stable order. */
export async function cpioTree(folder: string, prefix = ""): Promise<CpioEntry[]> {
  const entries: CpioEntry[] = [];
  for (const name of (await readdir(folder)).sort()) {
    const source = join(folder, name);
    const path = prefix === "" ? name : `${prefix}/${name}`;
    const info = await lstat(source);
    if (info.isDirectory()) {
      entries.push(cpioDirectory(path), ...(await cpioTree(source, path)));
    } else if (info.isSymbolicLink()) {
      entries.push(cpioSymlink(path, await readlink(source)));
    } else {
      entries.push(cpioFile(path, await readFile(source), info.mode & 0o111 ? 0o755 : 0o644));
    }
  }
  return entries;
}

/**
 * Packs members into a "newc" archive, the format of a Linux initramfs. Parents that were not
 * given are added; a path given twice keeps its last member. Same input, same bytes.
 */
export function packCpio(given: readonly CpioEntry[]): Buffer {
  const members = new Map<string, CpioEntry>();
  for (const entry of given) {
    const parts = entry.path.split("/");
    for (let depth = 1; depth < parts.length; depth++) {
      const parent = parts.slice(0, depth).join("/");
      if (!members.has(parent)) members.set(parent, cpioDirectory(parent));
    }
    members.set(entry.path, entry);
  }
  const chunks: Buffer[] = [];
  let inode = 1;
  for (const entry of members.values()) chunks.push(...packEntry(entry, inode++));
  chunks.push(...packEntry({ path: "TRAILER!!!", mode: 0 }, 0));
  return Buffer.concat(chunks);
}

function packEntry(entry: CpioEntry, inode: number): Buffer[] {
  const name = Buffer.from(`${entry.path}\0`);
  const data = Buffer.from(entry.data ?? []);
  const fields = [
    inode,
    entry.mode,
    0, // uid
    0, // gid
    1, // links
    0, // mtime
    data.length,
    0, // device of the file system
    0,
    entry.device?.major ?? 0,
    entry.device?.minor ?? 0,
    name.length,
    0, // checksum, unused by newc
  ];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`);
  return [header, name, padding(header.length + name.length), data, padding(data.length)];
}

function padding(length: number): Buffer {
  return Buffer.alloc((4 - (length % 4)) % 4);
}
