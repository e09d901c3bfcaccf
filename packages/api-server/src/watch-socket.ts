import { once } from "node:events";
import { closeCodes } from "@serai/api-contract/watch-frame";
import type { ChangeFrame } from "@serai/control/services/services";
import { errorChain, isFault } from "@serai/kit/fault";
import type { Logger } from "@serai/kit/logger";
import type { WebSocket } from "ws";
import type { SocketUser } from "./web-socket.ts";

export type Following = {
  follow: (signal: AbortSignal) => AsyncIterable<ChangeFrame>;
  bufferBytes: number;
  logger: Logger;
};

/**
 * Sends changes as text frames. A reader that does not keep up is told to resume from the revision it has:
 * what it missed waits in the store, not in our memory.
 */
export function watchSocket({ follow, bufferBytes, logger }: Following): SocketUser {
  const attach = (socket: WebSocket) => {
    const gone = new AbortController();
    socket.once("close", () => gone.abort());
    socket.on("message", () => socket.close(1003, "this socket only sends"));
    void send(socket, () => follow(gone.signal), bufferBytes).catch((error: unknown) => {
      if (gone.signal.aborted) return;
      if (isFault(error, "store.compacted"))
        socket.close(
          closeCodes.compacted,
          "store.compacted: list again, then watch from the list's revision",
        );
      else if (isFault(error)) socket.close(closeCodes.fault, error.code);
      else {
        logger.error(`watch: ${errorChain(error)}`);
        socket.close(1011, "internal error");
      }
    });
  };
  return { attach, abandon: () => {} };
}

async function send(
  socket: WebSocket,
  follow: () => AsyncIterable<ChangeFrame>,
  bufferBytes: number,
): Promise<void> {
  for await (const { json } of follow()) {
    if (socket.readyState !== socket.OPEN) return;
    if (socket.bufferedAmount > bufferBytes) {
      socket.close(closeCodes.tooSlow, "too slow: resume from the last revision you have");
      // Its buffer is full, so the close frame may never leave: do not keep the memory for it.
      const timer = setTimeout(() => socket.terminate(), 5000);
      await once(socket, "close");
      clearTimeout(timer);
      return;
    }
    socket.send(json);
  }
  socket.close(closeCodes.goingAway, "the stream ended");
}
