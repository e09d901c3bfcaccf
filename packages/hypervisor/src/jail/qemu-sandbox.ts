import { homedir } from "node:os";
import path from "node:path";
import type { Sandbox } from "@serai/linux/bubblewrap";
import { userNetwork } from "@serai/model/network";
import type { LaunchPlan } from "../launch-plan.ts";
import type { VmDirectory } from "../vm-directory.ts";

export type QemuSandboxInput = {
  plan: LaunchPlan;
  directory: VmDirectory;
  qemuPath: string;
  uefiCode?: string;
  accelerator: "kvm" | "tcg";
  /** Another process is the user-mode network. */
  hasPasst?: boolean;
};

/** What one QEMU may see: itself, this VM's folder and volumes, and read-only what they are made from. */
export function qemuSandbox({
  plan,
  directory,
  qemuPath,
  uefiCode,
  accelerator,
  hasPasst,
}: QemuSandboxInput): Sandbox {
  const { disks, kernel } = plan;
  const readOnly = [
    ...programFolder(qemuPath),
    ...(uefiCode === undefined ? [] : [uefiCode]),
    ...(kernel === undefined ? [] : [kernel.path]),
    ...(kernel?.initrdPath === undefined ? [] : [kernel.initrdPath]),
    ...disks.flatMap((disk) => [...(disk.isReadOnly ? [disk.path] : []), ...(disk.backing ?? [])]),
  ];
  const writable = disks.filter((disk) => !disk.isReadOnly).map((disk) => volumeFolder(disk.path, directory));
  return {
    readOnly: [...new Set(readOnly)].filter((file) => !file.startsWith("/usr/")),
    writable: [...new Set([directory.qemu, ...writable])],
    devices: accelerator === "kvm" ? ["/dev/kvm"] : [],
    hasHostNetwork: plan.spec.nics.some(({ network }) => network === userNetwork) && hasPasst !== true, // then QEMU itself is it
    directory: directory.qemu,
  };
}

/** A VM's volumes have a folder to themselves. A disk beside other VMs' files is shown alone. */
function volumeFolder(disk: string, directory: VmDirectory): string {
  const folder = path.dirname(disk);
  return directory.root === folder || directory.root.startsWith(`${folder}/`) ? disk : folder;
}

/** A QEMU from elsewhere than /usr brings its libraries and data along, beside its `bin`. */
function programFolder(qemuPath: string): string[] {
  const folder = path.dirname(qemuPath);
  const prefix = path.dirname(folder);
  if (folder === "/usr/bin") return [];
  return [path.basename(folder) === "bin" && prefix !== "/" && prefix !== homedir() ? prefix : folder];
}
