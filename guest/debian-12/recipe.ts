import { randomUUID } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BuildContext, GuestRecipe } from "../recipe.ts";
import { debianSources, debianSuite } from "../steps/debian-packages.ts";
import { run } from "../steps/run.ts";
import { assembleDisk, diskBytes } from "./assemble-disk.ts";

/** Debian 12 as people run it: systemd, cloud-init, OpenSSH, the agent; boots by BIOS and by UEFI. */
export const debian12: GuestRecipe = {
  name: "debian-12",
  steps: ["steps/debian-packages.ts", "steps/run.ts"],
  async build(context, signal) {
    const { work, out, report } = context;
    const rootUuid = randomUUID();
    const rootTar = join(work, "root.tar");
    await bootstrap({ context, rootUuid, rootTar }, signal);
    const disk = await assembleDisk({ work, rootTar, rootUuid, report }, signal);
    report("compressing to qcow2");
    await run(
      [
        "qemu-img",
        "convert",
        "-f",
        "raw",
        "-O",
        "qcow2",
        "-c",
        "-o",
        "compression_type=zstd",
        disk,
        join(out, "disk.qcow2"),
      ],
      { deadlineMs: 600_000, purpose: "compress the disk" },
      signal,
    );
    return {
      kind: "disk",
      os: { family: "linux", id: "debian", version: "12" },
      files: { disk: { path: "disk.qcow2", format: "qcow2", sizeBytes: diskBytes } },
      firmware: ["bios", "uefi"],
      diskBuses: ["virtio-blk", "virtio-scsi", "nvme"],
      hasAgent: true,
      readyPattern: " login: ",
      description: "Debian 12 with systemd, cloud-init, OpenSSH and the QEMU guest agent",
      minMemoryBytes: 256 << 20,
    };
  },
};

type BootstrapInput = { context: BuildContext; rootUuid: string; rootTar: string };

async function bootstrap({ context, rootUuid, rootTar }: BootstrapInput, signal: AbortSignal): Promise<void> {
  const { work, recipe, report } = context;
  const sources = join(work, "sources.list");
  await writeFile(sources, debianSources());
  const packages = (await readFile(join(recipe, "packages.txt"), "utf8")).trim().split("\n").join(",");
  const isRoot = process.getuid?.() === 0;
  report(`mmdebstrap as ${isRoot ? "root" : "an ordinary user, in a user namespace"}`);
  await run(
    [
      "mmdebstrap",
      "--verbose",
      "--variant=minbase",
      `--mode=${isRoot ? "root" : "unshare"}`,
      "--format=tar",
      '--aptopt=Acquire::Languages "none"',
      '--aptopt=Acquire::Retries "3"',
      '--aptopt=APT::Install-Recommends "false"',
      "--dpkgopt=path-exclude=/usr/share/man/*",
      "--dpkgopt=path-exclude=/usr/share/doc/*",
      "--dpkgopt=path-include=/usr/share/doc/*/copyright",
      "--dpkgopt=path-exclude=/usr/share/locale/*",
      `--include=${packages}`,
      `--customize-hook=sync-in ${join(recipe, "root")} /`,
      `--customize-hook=${await readFile(join(recipe, "customize.sh"), "utf8")}`,
      debianSuite,
      rootTar,
      sources,
    ],
    {
      deadlineMs: 20 * 60_000,
      purpose: "put Debian's packages together (is the network up?)",
      // in a user namespace the private folders of a home are out of reach, so /tmp serves there
      env: { ROOT_UUID: rootUuid, ...(isRoot && { TMPDIR: work }) },
      onLine: bootstrapProgress(report),
    },
    signal,
  );
  await rm(sources);
}

/** Turns mmdebstrap's chatter into one line per stage and one per 25 packages. */
function bootstrapProgress(report: (line: string) => void): (line: string) => void {
  let total = 0;
  let configured = 0;
  return (line) => {
    const fresh = /(\d+) newly installed/.exec(line)?.[1];
    if (fresh !== undefined) total += Number(fresh);
    const stage = /^I: (.*[a-z]ing .*)\.\.\.$/.exec(line)?.[1];
    if (stage !== undefined && !stage.includes("tempdir")) report(stage);
    if (line.startsWith("Setting up ") && ++configured % 25 === 0) {
      report(`packages set up: ${configured}${total > configured ? ` of ${total}` : ""}`);
    }
  };
}
