import { access, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { GuestBuildFailure } from "../failure.ts";
import { run } from "./run.ts";

export const debianSuite = "bookworm";
export const debianMirror = process.env["SERAI_DEBIAN_MIRROR"] ?? "http://deb.debian.org/debian";
export const debianSecurityMirror =
  process.env["SERAI_DEBIAN_SECURITY_MIRROR"] ?? "http://deb.debian.org/debian-security";
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** Where the guests' packages come from, in the form of a sources.list. */
export function debianSources(): string {
  const options = `[signed-by=${keyring}]`;
  return [
    `deb ${options} ${debianMirror} ${debianSuite} main`,
    `deb ${options} ${debianMirror} ${debianSuite}-updates main`,
    `deb ${options} ${debianSecurityMirror} ${debianSuite}-security main`,
    "",
  ].join("\n");
}

export type DebianPackages = {
  /** Unpacks the packages, and nothing they depend on, into `target`. Nothing is installed. */
  unpack(names: readonly string[], target: string, signal: AbortSignal): Promise<void>;
  /** The name of the one package that a meta-package stands for. */
  resolve(meta: string, signal: AbortSignal): Promise<string>;
};

/**
 * Opens Debian 12's package archive without root. On Debian 12 the machine's own package lists
 * serve, if it has them; elsewhere a private set is fetched into `work`.
 */
export async function openDebianPackages(
  work: string,
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<DebianPackages> {
  const options = (await hostListsServe(signal)) ? [] : await fetchPrivateLists(work, report, signal);
  const downloads = join(work, "debs");
  await mkdir(downloads, { recursive: true });
  const resolve = async (meta: string, inner: AbortSignal) => {
    const shown = await run(
      ["apt-cache", ...options, "depends", "--no-recommends", "--no-suggests", meta],
      { deadlineMs: 30_000, purpose: `look up the package ${meta}` },
      inner,
    );
    const found = /^\s*Depends: (\S+)$/m.exec(shown)?.[1];
    if (found === undefined) throw new GuestBuildFailure(`Debian's package ${meta} names no other package.`);
    return found;
  };
  const unpack = async (names: readonly string[], target: string, inner: AbortSignal) => {
    report(`downloading ${names.length} packages: ${names.join(" ")}`);
    await run(
      [
        "apt-get",
        ...options,
        "-q",
        "-o",
        "Acquire::Retries=3",
        "-o",
        "APT::Sandbox::User=root",
        "download",
        ...names,
      ],
      { cwd: downloads, deadlineMs: 600_000, purpose: "download Debian packages (is the network up?)" },
      inner,
    );
    for (const file of await readdir(downloads)) {
      const name = file.slice(0, file.indexOf("_"));
      if (!names.includes(name)) continue;
      await run(
        ["dpkg-deb", "-x", join(downloads, file), target],
        { deadlineMs: 120_000, purpose: `unpack ${file}` },
        inner,
      );
    }
  };
  return { resolve, unpack };
}

async function hostListsServe(signal: AbortSignal): Promise<boolean> {
  const release = await readFile("/etc/os-release", "utf8").catch(() => "");
  if (!/^ID=debian$/m.test(release) || !release.includes(`VERSION_CODENAME=${debianSuite}`)) return false;
  const policy = await run(
    ["apt-cache", "policy", "linux-image-cloud-amd64", "memtest86+"],
    { deadlineMs: 30_000, purpose: "read the machine's package lists" },
    signal,
  );
  return (policy.match(/Candidate: \d/g)?.length ?? 0) === 2;
}

async function fetchPrivateLists(
  work: string,
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<string[]> {
  await access(keyring).catch(() => {
    throw new GuestBuildFailure(
      `The file ${keyring} is missing: install the package debian-archive-keyring.`,
    );
  });
  const root = join(work, "apt");
  for (const folder of ["lists/partial", "cache/archives/partial", "etc"]) {
    await mkdir(join(root, folder), { recursive: true });
  }
  await writeFile(join(root, "etc/sources.list"), debianSources());
  await writeFile(join(root, "status"), "");
  const options = [
    `Dir::Etc::sourcelist=${root}/etc/sources.list`,
    "Dir::Etc::sourceparts=/dev/null",
    "Dir::Etc::preferencesparts=/dev/null",
    `Dir::State::Lists=${root}/lists`,
    `Dir::State::status=${root}/status`,
    `Dir::Cache=${root}/cache`,
    "APT::Architecture=amd64",
    "APT::Architectures=amd64",
    "APT::Sandbox::User=root",
    "Acquire::Languages=none",
    "APT::Update::Error-Mode=any",
  ].flatMap((option) => ["-o", option]);
  report(`reading the package lists of ${debianMirror}`);
  await run(
    ["apt-get", ...options, "-q", "update"],
    { deadlineMs: 300_000, purpose: `read Debian's package lists from ${debianMirror} (is the network up?)` },
    signal,
  );
  return options;
}
