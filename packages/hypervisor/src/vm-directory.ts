import path from "node:path";
import { Fault } from "@serai/kit/fault";

/**
 * What one VM keeps on its host. The records are the daemon's own; `qemu/` is QEMU's, and what lies in there may have
 * been put there by a hostile guest: never follow a link in it, never believe it.
 */
export type VmDirectory = {
  root: string;
  run: string;
  exit: string;
  /** There while the launch of this token may still make its process. */
  ticket: (token: string) => string;
  log: string;
  suspendedPlan: string;
  suspendedState: string;
  /** The folder QEMU works in. */
  qemu: string;
  monitor: string;
  /** The second monitor, free for diagnosis. */
  spareMonitor: string;
  agent: string;
  serial: string;
  serialLog: string;
  vnc: string;
  uefiVars: string;
  migration: string;
  screenshot: string;
};

/** The kernel's limit for the path of a unix socket, without the final zero byte. */
const socketPathLimit = 107;

/** Names everything in a VM's directory. Refuses a directory too deep for unix sockets. */
export function vmDirectory(root: string): VmDirectory {
  const qemu = path.join(root, "qemu");
  const socket = (name: string) => {
    const file = path.join(qemu, name);
    if (Buffer.byteLength(file) <= socketPathLimit) return file;
    throw new Fault(
      "host.unsupported",
      `The state directory's path is too long for unix sockets by ${Buffer.byteLength(file) - socketPathLimit} bytes; choose a shorter one.`,
    );
  };
  return {
    root,
    run: path.join(root, "run.json"),
    exit: path.join(root, "exit.json"),
    ticket: (token) => path.join(root, `launch.${token}`),
    log: path.join(root, "qemu.log"),
    suspendedPlan: path.join(root, "suspended.json"),
    suspendedState: path.join(root, "suspended.state"),
    qemu,
    monitor: socket("qmp.sock"),
    spareMonitor: socket("qmp2.sock"),
    agent: socket("agent.sock"),
    serial: socket("serial.sock"),
    serialLog: path.join(qemu, "serial.log"),
    vnc: socket("vnc.sock"),
    uefiVars: path.join(qemu, "uefi-vars.fd"),
    migration: socket("migration.sock"),
    screenshot: path.join(qemu, "screenshot.png"),
  };
}
