import { chmodSync, constants, copyFileSync, existsSync, lchownSync, mkdirSync, rmSync } from "node:fs";
import { Fault } from "@serai/kit/fault";
import type { LaunchPlan } from "./launch-plan.ts";
import { startLog } from "./serial/log-file.ts";
import type { VmDirectory } from "./vm-directory.ts";
import type { VmDriverConfig } from "./vm-driver-types.ts";

/** Makes what QEMU needs before it starts. Idempotent; what an earlier run left behind is cleared. */
export function prepareDirectory(directory: VmDirectory, plan: LaunchPlan, config: VmDriverConfig): void {
  // QEMU's own user passes through the first to the second, and owns only that.
  mkdirSync(directory.root, { recursive: true, mode: 0o711 });
  mkdirSync(directory.qemu, { recursive: true, mode: 0o700 });
  if (plan.spec.firmware === "uefi" && !existsSync(directory.uefiVars)) {
    if (config.firmware === undefined)
      throw new Fault(
        "host.unsupported",
        "This host has no UEFI firmware; install the package ovmf, or use BIOS.",
      );
    copyFileSync(config.firmware.uefiVars, directory.uefiVars, constants.COPYFILE_EXCL);
    chmodSync(directory.uefiVars, 0o600);
    giveToQemu(directory.uefiVars, config);
  }
  giveToQemu(directory.qemu, config);
  removeSockets(directory);
  startLog(directory.serialLog);
}

/** Never what a link points to: QEMU may have put one in the place of what we made a moment ago. */
export function giveToQemu(file: string, { uid, gid }: VmDriverConfig): void {
  if (uid !== undefined && gid !== undefined) lchownSync(file, uid, gid);
}

export function removeSockets(directory: VmDirectory): void {
  const { monitor, spareMonitor, agent, serial, vnc, migration, screenshot } = directory;
  for (const file of [monitor, spareMonitor, agent, serial, vnc, migration, screenshot])
    rmSync(file, { force: true });
}
