import { Fault } from "@serai/kit/fault";
import { errnoName, libc } from "./libc.ts";

// The same on x86-64 and arm64.
const unixFamily = 1;
const streamCloseOnExec = 1 | 0o2000000;

/** Two ends of one connection, for two processes to be started with; the caller closes both once they are. */
export function socketPair(): [number, number] {
  const ends = Buffer.alloc(8);
  const make = libc().load("int socketpair(int family, int type, int protocol, _Out_ uint8_t *ends)");
  if (make(unixFamily, streamCloseOnExec, 0, ends) !== 0) {
    throw new Fault("linux.refused", `The kernel refused a pair of sockets (${errnoName()}).`);
  }
  return [ends.readInt32LE(0), ends.readInt32LE(4)];
}
