/**
 * Unpacks QEMU 10 from Debian's bookworm-backports into `${SERAI_CACHE:-~/.cache/serai}/qemu10/` and prints the
 * path of a wrapper that runs it. Nothing on the system changes: apt gets a private configuration and an empty
 * package database, so the closure includes the C library and the wrapper starts QEMU with that one.
 * Usage: SERAI_QEMU="$(node scripts/fetch-qemu10.ts)" npm test
 */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import process from "node:process";

const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
const mirror = process.env["SERAI_DEBIAN_MIRROR"] ?? "http://deb.debian.org/debian";
const multiarch = process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
const loader = process.arch === "arm64" ? "lib/ld-linux-aarch64.so.1" : "lib64/ld-linux-x86-64.so.2";

const cache = process.env["SERAI_CACHE"] ?? path.join(homedir(), ".cache", "serai");
const home = path.join(cache, "qemu10");
const wrapper = path.join(home, "bin", "qemu-system-x86_64");

try {
  if (!isWorking(wrapper)) install();
  process.stdout.write(`${wrapper}\n`);
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

function isWorking(binary: string): boolean {
  if (!existsSync(binary)) return false;
  const { stdout } = spawnSync(binary, ["--version"], { encoding: "utf8" });
  return stdout?.startsWith("QEMU emulator version 10.") ?? false;
}

/** Builds beside the final place and renames, so that a broken download never looks finished. */
function install(): void {
  if (!existsSync(keyring)) fail(`${keyring} is missing; install the package debian-archive-keyring`);
  mkdirSync(cache, { recursive: true });
  const build = mkdtempSync(path.join(cache, "qemu10-build-"));
  try {
    download(build);
    mkdirSync(path.join(build, "root"));
    const archives = path.join(build, "apt", "cache", "archives");
    for (const file of readdirSync(archives).filter((name) => name.endsWith(".deb"))) {
      run("dpkg-deb", ["-x", path.join(archives, file), path.join(build, "root")]);
    }
    rmSync(path.join(build, "apt"), { recursive: true });
    writeWrappers(build);
    if (!isWorking(path.join(build, "bin", "qemu-system-x86_64")))
      fail("the unpacked QEMU does not run on this machine");
    rmSync(home, { recursive: true, force: true });
    renameSync(build, home);
  } finally {
    rmSync(build, { recursive: true, force: true });
  }
}

function download(build: string): void {
  const apt = path.join(build, "apt");
  for (const folder of ["lists/partial", "cache/archives/partial", "state"])
    mkdirSync(path.join(apt, folder), { recursive: true });
  writeFileSync(path.join(apt, "status"), "");
  const suites = ["bookworm", "bookworm-backports"];
  writeFileSync(
    path.join(apt, "sources.list"),
    suites.map((suite) => `deb [signed-by=${keyring}] ${mirror} ${suite} main\n`).join(""),
  );
  const options = [
    `Dir::Etc::sourcelist=${apt}/sources.list`,
    "Dir::Etc::sourceparts=/dev/null",
    "Dir::Etc::preferences=/dev/null",
    "Dir::Etc::preferencesparts=/dev/null",
    `Dir::State=${apt}/state`,
    `Dir::State::lists=${apt}/lists`,
    `Dir::State::status=${apt}/status`,
    `Dir::Cache=${apt}/cache`,
    "APT::Sandbox::User=root", // apt must not give up its rights to the private folders
    "APT::Install-Recommends=false",
    "Acquire::Languages=none",
    "Acquire::Retries=3",
    "Debug::NoLocking=true",
  ].flatMap((option) => ["-o", option]);
  say("fetching the package lists of bookworm and bookworm-backports (about 9 MB)");
  run("apt-get", [...options, "-qq", "update"]);
  say("fetching QEMU 10 and its libraries (about 40 MB)");
  run("apt-get", [
    ...options,
    "-qq",
    "-y",
    "--download-only",
    "-t",
    "bookworm-backports",
    "install",
    "qemu-system-x86",
    "qemu-utils",
  ]);
}

function writeWrappers(build: string): void {
  mkdirSync(path.join(build, "bin"));
  const data = ["qemu", "seabios"].map((name) => `-L "$root/usr/share/${name}"`).join(" ");
  for (const [tool, extra] of [
    ["qemu-system-x86_64", `${data} -L "$root/usr/lib/ipxe/qemu"`],
    ["qemu-img", ""],
    ["qemu-nbd", ""],
  ] as const) {
    const file = path.join(build, "bin", tool);
    writeFileSync(file, wrapperScript(tool, extra));
    chmodSync(file, 0o755);
  }
}

/** `exec` keeps the pid, which is what identifies a VM's process; the loader keeps the system's libraries out. Not for symbolic links. */
function wrapperScript(tool: string, extra: string): string {
  return `#!/bin/sh
root="\${0%/*}/../root"
export QEMU_MODULE_DIR="$root/usr/lib/${multiarch}/qemu"
exec "$root/${loader}" --library-path "$root/lib/${multiarch}:$root/usr/lib/${multiarch}" "$root/usr/bin/${tool}" ${extra} "$@"
`;
}

function run(command: string, args: readonly string[]): void {
  const done = spawnSync(command, args, {
    stdio: ["ignore", 2, 2],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" },
  });
  if (done.error !== undefined) fail(`${command} could not be run: ${done.error.message}`);
  if (done.status !== 0)
    fail(`${command} failed with exit code ${done.status}; check that ${mirror} can be reached`);
}

function say(progress: string): void {
  process.stderr.write(`${progress}\n`);
}

function fail(sentence: string): never {
  throw new Error(`QEMU 10 was not installed: ${sentence}.`);
}
