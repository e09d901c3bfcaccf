import type { Socket } from "node:net";
import { Fault } from "@serai/kit/fault";
import { errnoName, libc } from "./libc.ts";

export type PeerCredentials = { pid: number; uid: number; gid: number };

// The same on x86-64 and arm64.
const solSocket = 1;
const soPeerCredentials = 17;

/** Who is at the other end of a connected unix socket, by the kernel's word: as of `connect`, not of now. */
export function peerCredentials(fd: number): PeerCredentials {
  const credentials = Buffer.alloc(12);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(credentials.length);
  const getsockopt = libc().load(
    "int getsockopt(int fd, int level, int name, _Inout_ uint8_t *value, _Inout_ uint8_t *length)",
  );
  if (getsockopt(fd, solSocket, soPeerCredentials, credentials, length) !== 0) {
    throw new Fault("linux.refused", `The peer of a local connection cannot be told (${errnoName()}).`);
  }
  return {
    pid: credentials.readInt32LE(0),
    uid: credentials.readUInt32LE(4),
    gid: credentials.readUInt32LE(8),
  };
}

/** The descriptor of an open socket; undefined once it is closed. Node keeps it in a private place. */
export function socketDescriptor(socket: Socket): number | undefined {
  const { _handle: handle } = socket as unknown as { _handle?: { fd?: number } | null };
  return handle?.fd !== undefined && handle.fd >= 0 ? handle.fd : undefined;
}
