import { execFile } from "node:child_process";
import { accessSync, constants, mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { bootId } from "@serai/linux/process-identity";
import { launcherArgv } from "../jail/launcher-argv.ts";
import { readJsonFile, writeJsonFile } from "../json-file.ts";
import { probeExitCode, probeExitPort, probeGuest } from "./probe-guest.ts";

export type AcceleratorProbe = {
  qemuPath: string;
  qemuVersion: string;
  kernelRelease: string;
  cacheDir: string;
};
export type Accelerator = { kind: "kvm" | "tcg"; /** Why, for people. */ reason: string };

const deadlineMs = 5_000;

/**
 * Chooses the accelerator: KVM only after a guest has run under it. That /dev/kvm opens proves nothing. The outcome is
 * kept per kernel and QEMU.
 */
export async function probeAccelerator(probe: AcceleratorProbe, signal: AbortSignal): Promise<Accelerator> {
  const refusal = whyKvmCannotBeOpened();
  if (refusal !== undefined) return { kind: "tcg", reason: refusal };
  const cacheFile = path.join(probe.cacheDir, "accelerator.json");
  const cached = readJsonFile(cacheFile) as Cached | undefined;
  if (cached?.key === keyOf(probe) && (cached.onlyInBoot ?? bootId()) === bootId()) return cached.accelerator;
  const outcome = await runProbeGuest({ ...probe, accelerator: "kvm" }, signal);
  const accelerator: Accelerator = outcome.isSuccess
    ? { kind: "kvm", reason: "a test guest ran under KVM" }
    : { kind: "tcg", reason: `KVM is there but cannot run guests: ${outcome.reason}` };
  // A guest that was only too slow may have met a busy machine.
  writeJsonFile(cacheFile, {
    key: keyOf(probe),
    accelerator,
    ...(outcome.isTimeout && { onlyInBoot: bootId() }),
  } satisfies Cached);
  return accelerator;
}

type Cached = { key: string; accelerator: Accelerator; onlyInBoot?: string };

const keyOf = ({ qemuPath, qemuVersion, kernelRelease }: AcceleratorProbe): string =>
  [kernelRelease, qemuPath, qemuVersion].join(" ");

function whyKvmCannotBeOpened(): string | undefined {
  try {
    accessSync("/dev/kvm", constants.R_OK | constants.W_OK);
    return undefined;
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    return isMissing
      ? "this machine has no /dev/kvm"
      : "this user may not open /dev/kvm; add it to the group kvm";
  }
}

export type ProbeOutcome = { isSuccess: boolean; isTimeout: boolean; reason: string };

/** Runs the probe guest once under this accelerator. Never rejects but for the caller's signal. */
export function runProbeGuest(
  { qemuPath, cacheDir, accelerator }: AcceleratorProbe & { accelerator: "kvm" | "tcg" },
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  mkdirSync(cacheDir, { recursive: true });
  const kernel = path.join(cacheDir, `probe-guest.${process.pid}.${accelerator}`);
  writeFileSync(kernel, probeGuest());
  // The launcher forbids core dumps: where KVM is broken, QEMU aborts.
  const argv = launcherArgv({
    cgroupProcsFiles: [],
    command: [
      qemuPath,
      ...[
        "-accel",
        accelerator,
        "-cpu",
        accelerator === "kvm" ? "host" : "max",
        "-machine",
        "q35",
        "-m",
        "64",
      ],
      ...["-no-user-config", "-nodefaults", "-display", "none", "-no-reboot", "-kernel", kernel],
      ...["-device", `isa-debug-exit,iobase=${probeExitPort},iosize=4`],
    ],
  });
  const [launcher = "", ...arguments_] = argv;
  return new Promise((resolve, reject) => {
    execFile(
      launcher,
      arguments_,
      { timeout: deadlineMs, killSignal: "SIGKILL", signal, env: { PATH: process.env["PATH"] } },
      (error, _stdout, stderr) => {
        rmSync(kernel, { force: true });
        if (signal.aborted) return reject(signal.reason);
        resolve(judge(error, stderr));
      },
    );
  });
}

function judge(
  error:
    | (Error & {
        code?: number | string | null;
        killed?: boolean;
        signal?: NodeJS.Signals | null | undefined;
      })
    | null,
  stderr: string,
): ProbeOutcome {
  if (error?.code === probeExitCode) return { isSuccess: true, isTimeout: false, reason: "" };
  if (error?.killed)
    return {
      isSuccess: false,
      isTimeout: true,
      reason: `the test guest did not finish within ${deadlineMs / 1000} s`,
    };
  const words = stderr
    .split("\n")
    .map((line) => line.replace(/^\S*qemu-system-\w+: /, "").trim())
    .find((line) => line !== "" && !line.startsWith("**"));
  const how =
    error === null
      ? "the test guest reset itself"
      : `QEMU ended with ${error.signal ?? `code ${error.code}`}`;
  return {
    isSuccess: false,
    isTimeout: false,
    reason: words === undefined ? how : `${how} (${words.slice(0, 200)})`,
  };
}
