import { mkdir, open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../steps/run.ts";

const mib = 1 << 20;
const sectorBytes = 512;
/** What a VM gets unless it asks for more; the first boot grows into any larger disk. */
export const diskBytes = 3072 * mib;
const biosBootStart = 1 * mib;
const espStart = 2 * mib;
const espBytes = 64 * mib;
const rootStart = espStart + espBytes;
const rootBytes = diskBytes - rootStart - 1 * mib; // the backup partition table ends the disk

type AssembleInput = { work: string; rootTar: string; rootUuid: string; report: (line: string) => void };

/**
 * Makes a raw GPT disk that boots under SeaBIOS and under UEFI (Secure Boot included), with no
 * loop device, no mount and no root: mke2fs fills the file system from a folder, mtools the ESP.
 */
export async function assembleDisk(input: AssembleInput, signal: AbortSignal): Promise<string> {
  const { work, rootTar, report } = input;
  const disk = join(work, "disk.raw");
  const parts = join(work, "parts");
  await mkdir(parts);
  report("taking out the boot loaders");
  await run(
    [
      "tar",
      "-C",
      parts,
      "-xf",
      rootTar,
      "./boot/grub",
      "./usr/lib/grub/i386-pc/boot.img",
      "./usr/lib/shim",
      "./usr/lib/grub/x86_64-efi-signed",
    ],
    { deadlineMs: 120_000, purpose: "take the boot loaders out of the new system" },
    signal,
  );
  await (await open(disk, "w")).close();
  await run(
    ["truncate", "-s", String(diskBytes), disk],
    { deadlineMs: 10_000, purpose: "make the disk file" },
    signal,
  );
  await partition(work, disk, signal);
  await fillRoot(input, disk, signal);
  report("filling the EFI system partition");
  await fillEsp(work, parts, disk, signal);
  await installBiosLoader(parts, disk);
  return disk;
}

async function partition(work: string, disk: string, signal: AbortSignal): Promise<void> {
  const sectors = (bytes: number) => bytes / sectorBytes;
  const table = join(work, "partitions");
  await writeFile(
    table,
    [
      "label: gpt",
      `start=${sectors(biosBootStart)}, size=${sectors(mib)}, type=21686148-6449-6E6F-744E-656564454649, name=bios`,
      `start=${sectors(espStart)}, size=${sectors(espBytes)}, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name=esp`,
      // the type that systemd-repart and the discoverable partitions specification know as x86-64 root
      `start=${sectors(rootStart)}, size=${sectors(rootBytes)}, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, name=root`,
      "",
    ].join("\n"),
  );
  await run(
    ["sh", "-c", 'exec sfdisk -q --no-reread --no-tell-kernel "$1" <"$2"', "sfdisk", disk, table],
    { deadlineMs: 30_000, purpose: "partition the disk" },
    signal,
  );
}

async function fillRoot(
  { work, rootTar, rootUuid, report }: AssembleInput,
  disk: string,
  signal: AbortSignal,
) {
  report("filling the root file system");
  // Owners in the tar need an owner of files who may be anybody: root, or root of a user namespace
  // with the user's subordinate ids. Device nodes are left out: the guest's kernel makes them.
  const script = `set -e
    mkdir "$1/root"
    tar -C "$1/root" --numeric-owner --xattrs --xattrs-include='*' --exclude='./dev/*' -xpf "$2"
    mke2fs -q -F -t ext4 -L root -U "$3" -E "offset=$5,root_owner=0:0,lazy_itable_init=1,lazy_journal_init=1" -d "$1/root" "$4" "$6k"
    rm -rf "$1/root"`;
  const asAnybody = process.getuid?.() === 0 ? [] : ["unshare", "--map-root-user", "--map-auto"];
  const [command, ...rest] = [...asAnybody, "sh", "-c", script, "fill-root", work, rootTar, rootUuid, disk];
  await run(
    [command ?? "sh", ...rest, String(rootStart), String(rootBytes / 1024)],
    { deadlineMs: 600_000, purpose: "fill the root file system" },
    signal,
  );
}

async function fillEsp(work: string, parts: string, disk: string, signal: AbortSignal): Promise<void> {
  const shim = join(parts, "usr/lib/shim");
  const grub = join(parts, "usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed");
  const script = `set -e
    truncate -s ${espBytes} "$1"
    mkfs.vfat -F 32 -s 1 -n ESP "$1" >/dev/null
    mmd -i "$1" ::/EFI ::/EFI/BOOT ::/EFI/debian
    mcopy -i "$1" "$2/shimx64.efi.signed" ::/EFI/BOOT/BOOTX64.EFI
    mcopy -i "$1" "$2/mmx64.efi.signed" ::/EFI/BOOT/mmx64.efi
    mcopy -i "$1" "$3" ::/EFI/BOOT/grubx64.efi
    mcopy -i "$1" "$4" ::/EFI/debian/grub.cfg
    dd if="$1" of="$5" bs=1M seek=${espStart / mib} conv=notrunc,sparse status=none`;
  await run(
    [
      "sh",
      "-c",
      script,
      "fill-esp",
      join(work, "esp.img"),
      shim,
      grub,
      join(parts, "boot/grub/early.cfg"),
      disk,
    ],
    { deadlineMs: 60_000, purpose: "fill the EFI system partition" },
    signal,
  );
}

/**
 * Does what grub-install does, on a file: boot.img into the first sector, core.img into the BIOS
 * boot partition, and into each of them the sector where the next part lies.
 */
async function installBiosLoader(parts: string, disk: string): Promise<void> {
  await using file = await open(disk, "r+");
  await using bootFile = await open(join(parts, "usr/lib/grub/i386-pc/boot.img"));
  await using coreFile = await open(join(parts, "boot/grub/i386-pc/core.img"));
  const boot = await bootFile.readFile();
  const unpadded = await coreFile.readFile();
  const coreSectors = Math.ceil(unpadded.length / sectorBytes);
  const core = Buffer.alloc(coreSectors * sectorBytes);
  unpadded.copy(core);
  const coreSector = biosBootStart / sectorBytes;
  boot.writeBigUInt64LE(BigInt(coreSector), 0x5c); // where core.img starts
  boot.writeUInt8(0xff, 0x64); // boot drive: the one the BIOS names
  boot.writeUInt16LE(0x9090, 0x66); // no floppy check
  core.writeBigUInt64LE(BigInt(coreSector + 1), 0x1f4); // the rest of core.img: start,
  core.writeUInt16LE(coreSectors - 1, 0x1fc); // length,
  core.writeUInt16LE(0x820, 0x1fe); // and the segment to load it to
  await file.write(boot, 0, 440, 0); // the partition table's disk signature starts at 440
  await file.write(core, 0, core.length, biosBootStart);
}
