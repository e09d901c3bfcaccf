import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";

export type Message = {
  execute?: string;
  "exec-oob"?: string;
  arguments?: Record<string, unknown>;
  id?: number;
};

/** One connection's view of the other side: raw bytes out, complete messages in. */
export type Wire = { send: (bytes: string | Buffer) => void; close: () => void; received: Message[] };

export type FakePeer = AsyncDisposable & { socketPath: string; wires: Wire[] };

/**
 * Listens on a unix socket as QEMU and the agent's channel do. `onMessage` hears each line that is JSON (a leading
 * 0xFF is taken off), `onConnect` each connection.
 */
export async function startFakePeer(script: {
  onConnect?: (wire: Wire) => void;
  onMessage: (message: Message, wire: Wire) => void;
}): Promise<FakePeer> {
  const folder = mkdtempSync(path.join(tmpdir(), "serai-qmp-"));
  const sockets = new Set<net.Socket>();
  const wires: Wire[] = [];
  const server = net.createServer((socket) => {
    sockets.add(socket);
    const wire: Wire = { send: (bytes) => socket.write(bytes), close: () => socket.destroy(), received: [] };
    wires.push(wire);
    let held = "";
    socket.setEncoding("latin1").on("data", (text: string) => {
      const lines = (held + text).split("\n");
      held = lines.pop() ?? "";
      for (const line of lines) {
        const message = JSON.parse(line.replaceAll("\xff", "")) as Message;
        wire.received.push(message);
        script.onMessage(message, wire);
      }
    });
    socket.on("error", () => {}); // the other side may go at any time
    script.onConnect?.(wire);
  });
  const socketPath = path.join(folder, "socket");
  server.listen(socketPath);
  await once(server, "listening");
  return {
    socketPath,
    wires,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
      rmSync(folder, { recursive: true });
    },
  };
}

export const greeting =
  '{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "fake"}, "capabilities": ["oob"]}}\r\n';

/** A QEMU that answers each command with what `answer` says; undefined for silence, a string for raw bytes. */
export function startFakeQemu(answer: (message: Message, wire: Wire) => unknown): Promise<FakePeer> {
  return startFakePeer({
    onConnect: (wire) => wire.send(greeting),
    onMessage: (message, wire) => {
      const reply = message.execute === "qmp_capabilities" ? {} : answer(message, wire);
      if (typeof reply === "string") wire.send(reply);
      else if (reply !== undefined) wire.send(`${JSON.stringify({ return: reply, id: message.id })}\r\n`);
    },
  });
}
