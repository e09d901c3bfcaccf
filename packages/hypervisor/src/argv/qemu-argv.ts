import { checkQemuSafety } from "@serai/model/qemu-safety";
import type { LaunchPlan } from "../launch-plan.ts";
import type { VmDirectory } from "../vm-directory.ts";
import { agentArgv, vserialArgv } from "./agent.ts";
import { balloonArgv } from "./balloon.ts";
import { cpuArgv } from "./cpu.ts";
import { disksArgv } from "./disks.ts";
import { displayArgv, noDisplayArgv } from "./display.ts";
import { flashNodes, uefiArgv } from "./firmware.ts";
import { kernelArgv } from "./kernel.ts";
import { machineArgv } from "./machine.ts";
import { memoryArgv } from "./memory.ts";
import { monitorsArgv } from "./monitors.ts";
import { nicsArgv, type NicEnds } from "./nics.ts";
import { pvpanicArgv } from "./pvpanic.ts";
import { rngArgv } from "./rng.ts";
import { sandboxArgv } from "./sandbox.ts";
import { serialArgv } from "./serial.ts";
import { vmgenidArgv } from "./vmgenid.ts";
import { watchdogArgv } from "./watchdog.ts";

export type QemuArgvInput = {
  plan: LaunchPlan;
  directory: VmDirectory;
  /** Names this launch; see {@link qemuName}. */
  token: string;
  qemuVersion: string;
  accelerator: "kvm" | "tcg";
  uefiCode?: string;
  nicEnds?: NicEnds;
  /** Wait for a suspended state instead of booting. */
  isIncoming: boolean;
};

/** QEMU's arguments, without the program. The guest does not run until it is told to. */
export function qemuArgv({
  plan,
  directory,
  token,
  qemuVersion,
  accelerator,
  uefiCode,
  nicEnds = {},
  isIncoming,
}: QemuArgvInput): string[] {
  const { spec, vm, uuid, machineType } = plan;
  const memoryBytes = spec.memoryBytes;
  const precopy = checkQemuSafety({ accelerator, qemuVersion, feature: "precopy_migration" });
  return [
    ...machineArgv({ vm, token, uuid, machineType, ...(uefiCode !== undefined && { flash: flashNodes }) }),
    ...cpuArgv({ accelerator, cpus: spec.cpus, memoryBytes }),
    ...memoryArgv({ memoryBytes, hasOddSize: precopy.verdict === "cured" && precopy.cure === "odd_ram" }),
    ...(uefiCode === undefined ? [] : uefiArgv({ code: uefiCode, vars: directory.uefiVars })),
    ...(plan.kernel === undefined ? [] : kernelArgv(plan.kernel)),
    ...monitorsArgv([directory.monitor, directory.spareMonitor]),
    ...vserialArgv(),
    ...(spec.hasAgent ? agentArgv(directory.agent) : []),
    ...serialArgv({ socket: directory.serial, log: directory.serialLog }),
    ...(spec.display === "vga" ? displayArgv(directory.vnc) : noDisplayArgv),
    ...(spec.hasRng ? rngArgv() : []),
    ...(spec.hasBalloon ? balloonArgv() : []),
    ...(spec.hasWatchdog ? watchdogArgv() : []),
    ...pvpanicArgv(),
    ...vmgenidArgv(),
    ...disksArgv(plan.disks),
    ...nicsArgv(spec.nics, nicEnds),
    ...sandboxArgv,
    "-S",
    ...(isIncoming ? ["-incoming", "defer"] : []),
  ];
}
