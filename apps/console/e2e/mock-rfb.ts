import type { WebSocket } from "ws";

const width = 320;
const height = 200;
/** Client message type → its length, where that is fixed. */
const lengths: Readonly<Record<number, number>> = { 0: 20, 3: 10, 4: 8, 5: 6 };

/** A VNC server with one still picture (RFC 6143, no authentication); reports pressed keys. */
export function serveRfb(socket: WebSocket, onKey: (keysym: number) => void): void {
  let input = Buffer.alloc(0);
  let phase: "version" | "security" | "init" | "ready" = "version";
  const take = (length: number): Buffer | undefined => {
    if (input.length < length) return undefined;
    const part = input.subarray(0, length);
    input = input.subarray(length);
    return part;
  };

  const handshake = (): boolean => {
    if (phase === "version") {
      if (take(12) === undefined) return false;
      socket.send(Buffer.from([1, 1]));
      phase = "security";
    } else if (phase === "security") {
      if (take(1) === undefined) return false;
      socket.send(Buffer.alloc(4));
      phase = "init";
    } else {
      if (take(1) === undefined) return false;
      socket.send(serverInit());
      phase = "ready";
    }
    return true;
  };

  const message = (): boolean => {
    const type = input[0] ?? -1;
    if (type === 2) {
      if (input.length < 4) return false;
      return take(4 + 4 * input.readUInt16BE(2)) !== undefined;
    }
    const body = take(lengths[type] ?? 8);
    if (body === undefined) return false;
    if (type === 3) socket.send(picture());
    if (type === 4 && body[1] === 1) onKey(body.readUInt32BE(4));
    return true;
  };

  socket.on("message", (data: Buffer) => {
    input = Buffer.concat([input, data]);
    while (input.length > 0 && (phase === "ready" ? message() : handshake()));
  });
  socket.send(Buffer.from("RFB 003.008\n"));
}

function serverInit(): Buffer {
  const init = Buffer.alloc(24 + 4);
  init.writeUInt16BE(width, 0);
  init.writeUInt16BE(height, 2);
  // 32 bits a pixel, depth 24, little endian, true colour, 8 bits each for red, green and blue
  Buffer.from([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]).copy(init, 4);
  init.writeUInt32BE(4, 20);
  init.write("mock", 24);
  return init;
}

function picture(): Buffer {
  const update = Buffer.alloc(16 + width * height * 4);
  update.writeUInt16BE(1, 2);
  update.writeUInt16BE(width, 8);
  update.writeUInt16BE(height, 10);
  for (let at = 16; at < update.length; at += 4) update.writeUInt32LE(0x2266aa, at);
  return update;
}
