import net from "node:net";
import { delay } from "@serai/kit/deadline";

/** QEMU makes its socket some tens of milliseconds after it is spawned; a start waits for this. */
const retryEveryMs = 2;

/** Connects to a unix socket, retrying while nobody listens there. The caller's signal is the deadline. */
export async function connectUnix(socketPath: string, signal: AbortSignal): Promise<net.Socket> {
  for (;;) {
    const outcome = await tryOnce(socketPath, signal);
    if (outcome instanceof net.Socket) return outcome;
    if (!["ENOENT", "ECONNREFUSED", "EAGAIN"].includes(outcome.code ?? "")) throw outcome;
    await delay(retryEveryMs, signal);
  }
}

function tryOnce(socketPath: string, signal: AbortSignal): Promise<net.Socket | NodeJS.ErrnoException> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const socket = net.connect({ path: socketPath });
    const settle = (finish: () => void) => {
      socket.removeAllListeners();
      signal.removeEventListener("abort", onAbort);
      finish();
    };
    const onAbort = () =>
      settle(() => {
        socket.on("error", () => {}); // a late connection error has nobody left to tell
        socket.destroy();
        reject(signal.reason);
      });
    signal.addEventListener("abort", onAbort, { once: true });
    socket.once("connect", () => settle(() => resolve(socket)));
    socket.once("error", (error) => settle(() => resolve(error)));
  });
}
