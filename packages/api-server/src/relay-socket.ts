import type { Duplex } from "node:stream";
import { closeCodes } from "@serai/api-contract/watch-frame";
import type { WebSocket } from "ws";
import type { SocketUser } from "./web-socket.ts";

/** Above this the guest's side waits, so that a slow browser cannot fill our memory. */
const highWaterBytes = 256 * 1024;

/** Relays bytes between a WebSocket and a stream of a VM, with back-pressure both ways, until either ends. */
export function relaySocket(stream: Duplex): SocketUser {
  const attach = (socket: WebSocket) => {
    const end = (code: number, reason: string) => {
      stream.destroy();
      if (socket.readyState === socket.OPEN) socket.close(code, reason);
    };
    stream.on("data", (chunk: Buffer) => {
      if (socket.readyState !== socket.OPEN) return;
      socket.send(chunk, { binary: true }, () => {
        if (stream.isPaused() && socket.bufferedAmount < highWaterBytes / 2) stream.resume();
      });
      if (socket.bufferedAmount > highWaterBytes) stream.pause();
    });
    stream.once("close", () => end(closeCodes.streamEnded, "the stream of the VM ended"));
    stream.on("error", () => end(closeCodes.streamEnded, "the stream of the VM ended"));
    socket.on("message", (data: Buffer) => {
      if (!stream.write(data)) pauseUntilDrained(socket, stream);
    });
    socket.once("close", () => stream.destroy());
    if (stream.destroyed) end(closeCodes.streamEnded, "the stream of the VM ended");
  };
  return { attach, abandon: () => stream.destroy() };
}

function pauseUntilDrained(socket: WebSocket, stream: Duplex): void {
  if (socket.isPaused) return;
  socket.pause();
  stream.once("drain", () => socket.resume());
}
