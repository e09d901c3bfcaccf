import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import type { StorageMonitor } from "@serai/storage/nbd/storage-monitor";

/** The least that speaks to a storage daemon: one command at a time. The product uses its own QMP session. */
export async function connectMonitor(socketPath: string): Promise<StorageMonitor> {
  const socket = connect(socketPath);
  await once(socket, "connect");
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const answer = async (): Promise<unknown> => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error("the storage daemon has gone");
      const message = JSON.parse(value as string) as {
        return?: unknown;
        error?: { desc: string };
        event?: string;
      };
      if (message.event !== undefined) continue;
      if (message.error !== undefined) throw new Error(message.error.desc);
      return message.return;
    }
  };
  await answer(); // the greeting
  const execute = async (command: string, parameters: object): Promise<unknown> => {
    socket.write(`${JSON.stringify({ execute: command, arguments: parameters })}\n`);
    return answer();
  };
  await execute("qmp_capabilities", {});
  return { execute, close: () => socket.destroy() };
}
