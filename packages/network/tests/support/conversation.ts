import { delay } from "@serai/kit/deadline";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { inNetNamespace } from "@serai/linux/net-namespace";
import type { FakeGuest } from "./fake-guest.ts";

type Place = Pick<FakeGuest, "namespace">;

/** Answers every line with itself, on TCP, inside the guest. */
export async function startEcho(guest: Place, port: number): Promise<AsyncDisposable> {
  const sockets = new Set<{ destroy(): void }>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).pipe(socket);
  });
  inNetNamespace(guest.namespace, () => server.listen(port));
  if (!server.listening) await once(server, "listening");
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

export type Conversation = AsyncDisposable & {
  /** True when a line comes back in time. */
  says(line: string): Promise<boolean>;
};

/** Connects from a guest to an echo; whether it worked, the first line tells. */
export function converse(guest: Place, address: string, port: number): Conversation {
  const child = inNetNamespace(guest.namespace, () =>
    spawn("busybox", ["nc", address, String(port)], { stdio: ["pipe", "pipe", "ignore"] }),
  );
  child.stdin.on("error", () => {}); // a refused connection shows as no answer
  let heard = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (heard += text));
  return {
    async says(line) {
      child.stdin.write(`${line}\n`);
      const end = performance.now() + 1_500;
      while (!heard.includes(line) && child.exitCode === null && performance.now() < end) {
        await delay(10, AbortSignal.timeout(5_000));
      }
      return heard.includes(line);
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

/** One new connection, one line, and gone. */
export async function reaches(guest: Place, address: string, port: number): Promise<boolean> {
  await using conversation = converse(guest, address, port);
  return await conversation.says("knock"); // awaited here: else it is ended before it is answered
}
