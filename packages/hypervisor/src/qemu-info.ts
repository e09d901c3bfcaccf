import { execFile } from "node:child_process";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { release } from "node:os";
import path from "node:path";
import process from "node:process";
import { Fault } from "@serai/kit/fault";
import { readJsonFile, writeJsonFile } from "./json-file.ts";

export type QemuInfo = {
  path: string;
  /** Major, minor, micro: 7.2.22. */
  version: string;
  /** Versioned q35 boards, newest first. */
  machineTypes: string[];
  defaultMachineType: string;
  /** Undefined where no UEFI firmware is installed. */
  firmware?: { uefiCode: string; uefiVars: string };
  kernelRelease: string;
};

const program = "qemu-system-x86_64";
const oldest = { major: 7, minor: 2 };

/** Code with its template of variables; the first pair that is there is taken. */
const firmwarePairs = [
  ["/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"],
  ["/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"],
  ["/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"],
  ["/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"],
] as const;

/**
 * Finds the host's QEMU (`SERAI_QEMU` names another one) and what it can do. Faults: `host.qemu_missing`,
 * `host.qemu_too_old`.
 */
export async function findQemu({ cacheDir }: { cacheDir: string }, signal: AbortSignal): Promise<QemuInfo> {
  const qemuPath = locate();
  const asked = await askOnce(qemuPath, cacheDir, signal);
  const [major = 0, minor = 0] = asked.version.split(".").map(Number);
  if (major < oldest.major || (major === oldest.major && minor < oldest.minor)) {
    throw new Fault(
      "host.qemu_too_old",
      `QEMU ${asked.version} at ${qemuPath} is too old; install 7.2 or later.`,
    );
  }
  const [newest] = asked.machineTypes;
  if (newest === undefined)
    throw new Fault("host.qemu_missing", `QEMU at ${qemuPath} has no q35 machine; install qemu-system-x86.`);
  const firmware = firmwarePairs.find((pair) => pair.every((file) => existsSync(file)));
  return {
    path: qemuPath,
    ...asked,
    defaultMachineType: newest,
    ...(firmware !== undefined && { firmware: { uefiCode: firmware[0], uefiVars: firmware[1] } }),
    kernelRelease: release(),
  };
}

function locate(): string {
  const named = process.env["SERAI_QEMU"];
  const folders = (process.env["PATH"] ?? "").split(":").concat("/usr/bin", "/usr/local/bin");
  const found = named
    ? existsSync(named)
      ? path.resolve(named)
      : undefined
    : folders
        .map((folder) => path.join(folder, program))
        .find((file) => path.isAbsolute(file) && existsSync(file));
  if (found !== undefined) return found;
  throw new Fault(
    "host.qemu_missing",
    named
      ? `SERAI_QEMU names ${named}, which is not there.`
      : `There is no ${program}; install qemu-system-x86.`,
  );
}

type Asked = { version: string; machineTypes: string[] };
type Cached = Asked & { file: string; mtimeMs: number; sizeBytes: number };

/** Asking costs two processes: the answers are kept for as long as the file stays the same. */
async function askOnce(qemuPath: string, cacheDir: string, signal: AbortSignal): Promise<Asked> {
  const { mtimeMs, size: sizeBytes } = statSync(qemuPath);
  const cacheFile = path.join(cacheDir, "qemu.json");
  const cached = readJsonFile(cacheFile) as Cached | undefined;
  if (cached?.file === qemuPath && cached.mtimeMs === mtimeMs && cached.sizeBytes === sizeBytes) {
    return { version: cached.version, machineTypes: cached.machineTypes };
  }
  const [versionText, machineText] = await Promise.all([
    run(qemuPath, ["--version"], signal),
    run(qemuPath, ["-machine", "help"], signal),
  ]);
  const asked = { version: readVersion(versionText), machineTypes: readMachineTypes(machineText) };
  mkdirSync(cacheDir, { recursive: true });
  writeJsonFile(cacheFile, { file: qemuPath, mtimeMs, sizeBytes, ...asked } satisfies Cached);
  return asked;
}

export function readVersion(text: string): string {
  const version = /version (\d+\.\d+(\.\d+)?)/.exec(text)?.[1];
  if (version === undefined)
    throw new Fault("host.qemu_missing", "QEMU does not tell its version; reinstall qemu-system-x86.");
  return version;
}

export function readMachineTypes(text: string): string[] {
  const names = [...text.matchAll(/^(pc-q35-\d+\.\d+) /gm)].map((match) => match[1] ?? "");
  const order = (name: string) => {
    const [major = 0, minor = 0] = name.slice("pc-q35-".length).split(".").map(Number);
    return major * 1000 + minor;
  };
  return names.sort((a, b) => order(b) - order(a));
}

function run(file: string, args: string[], signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(file, args, { timeout: 30_000, signal }, (error, stdout) => {
      if (error === null) resolve(stdout);
      else
        reject(
          signal.aborted
            ? signal.reason
            : new Fault("host.qemu_missing", `QEMU at ${file} does not run; reinstall qemu-system-x86.`, {
                cause: error,
              }),
        );
    });
  });
}
