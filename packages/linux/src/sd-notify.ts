import { closeSync } from "node:fs";
import process from "node:process";
import { errnoName, libc } from "./libc.ts";

const afUnix = 1;
const sockDatagramCloseOnExec = 2 | 0o2000000;

/**
 * Tells the service manager about us, for example `{ READY: "1", STATUS: "12 VMs" }`. True when it was told, false
 * when no manager asked. Throws when one asked and cannot be reached.
 */
export function sdNotify(
  fields: Readonly<Record<string, string>>,
  socketPath = process.env["NOTIFY_SOCKET"],
): boolean {
  if (socketPath === undefined || socketPath === "") return false;
  const address = socketAddress(socketPath);
  const message = Buffer.from(
    Object.entries(fields)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(""),
  );
  const fd = libc().load("int socket(int domain, int type, int protocol)")(
    afUnix,
    sockDatagramCloseOnExec,
    0,
  );
  if (fd < 0) throw new Error(`No socket for the service manager (${errnoName()}).`);
  try {
    const send = libc().load(
      "int64_t sendto(int fd, const uint8_t *message, size_t size, int flags, const uint8_t *address, uint32_t addressSize)",
    );
    const sent = send(fd, message, message.length, 0, address, address.length);
    if (Number(sent) < 0) throw new Error(`The service manager cannot be told (${errnoName()}).`);
  } finally {
    closeSync(fd);
  }
  return true;
}

/** A `struct sockaddr_un`; a leading `@` stands for the abstract name space. */
function socketAddress(socketPath: string): Buffer {
  const name = Buffer.from(socketPath);
  if (name.length > 107) throw new Error("NOTIFY_SOCKET is longer than a socket's address may be.");
  if (socketPath.startsWith("@")) name[0] = 0;
  const family = Buffer.alloc(2);
  family.writeUInt16LE(afUnix);
  return Buffer.concat([family, name, Buffer.alloc(socketPath.startsWith("@") ? 0 : 1)]);
}
