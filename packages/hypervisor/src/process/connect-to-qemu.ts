import type { Socket } from "node:net";
import { Fault } from "@serai/kit/fault";
import { peerCredentials, socketDescriptor } from "@serai/linux/peer-credentials";
import { identifyProcess } from "@serai/linux/process-identity";
import { connectUnix } from "@serai/qmp/connect-unix";
import type { QemuProcess } from "./qemu-process.ts";

/**
 * Connects to a socket in QEMU's folder, and makes sure that QEMU is behind it: a hostile one could put a link to
 * any socket of the host there, and we may connect to them all. Rejects with `qmp.closed` when QEMU is gone.
 */
export async function connectToQemu(
  socketPath: string,
  process: QemuProcess,
  signal: AbortSignal,
): Promise<Socket> {
  const socket = await connectUnix(socketPath, signal);
  const fd = socketDescriptor(socket);
  const pid = fd === undefined ? undefined : peerCredentials(fd).pid;
  if (pid !== undefined && process.recognizes(pid)) return socket;
  socket.destroy();
  if (pid === undefined || identifyProcess(pid) === undefined)
    throw new Fault("qmp.closed", "QEMU hung up as soon as it was called.");
  throw new Error(`something else than this VM's QEMU answers at ${socketPath}`);
}
