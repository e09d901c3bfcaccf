import { closeSync, constants, openSync } from "node:fs";
import { Fault } from "@serai/kit/fault";
import { errnoName, libc } from "./libc.ts";

const tunSetInterface = 0x400454ca;
const siocGetFlags = 0x8913;
const siocSetFlags = 0x8914;
const siocSetMtu = 0x8922;
const siocGetIndex = 0x8933;
const siocBridgeAddInterface = 0x89a2;
const iffUp = 1;
const iffTap = 0x0002;
const iffNoPacketInfo = 0x1000;
const iffVnetHeader = 0x4000;
const requestBytes = 40;
const nameBytes = 16;

const afInet = 2;
const sockDatagram = 2;
const sockCloseOnExec = 0o2000000;

/**
 * Makes a tap in the namespace of the calling thread and returns its descriptor, the only thing that keeps it alive:
 * it vanishes when the last holder closes it or dies. Undefined when another process holds a tap of this name.
 */
export function openTap(name: string): number | undefined {
  const fd = openSync("/dev/net/tun", constants.O_RDWR | constants.O_NONBLOCK);
  const request = interfaceRequest(name);
  request.writeUInt16LE(iffTap | iffNoPacketInfo | iffVnetHeader, nameBytes);
  if (control(fd, tunSetInterface, request)) return fd;
  const errno = errnoName();
  closeSync(fd);
  if (errno === "EBUSY") return undefined;
  throw refusal(name, errno);
}

/** Joins an interface to a bridge and switches it on; both are in the namespace of the calling thread. Idempotent. */
export function joinBridge(name: string, bridge: string, mtu: number): void {
  const socket = libc().load("int socket(int family, int kind, int protocol)")(
    afInet,
    sockDatagram | sockCloseOnExec,
    0,
  );
  if (socket < 0) throw refusal(name, errnoName());
  try {
    const request = interfaceRequest(name);
    request.writeInt32LE(mtu, nameBytes);
    must(control(socket, siocSetMtu, request), name);
    must(control(socket, siocGetIndex, request), name);
    const port = interfaceRequest(bridge);
    port.writeInt32LE(request.readInt32LE(nameBytes), nameBytes);
    if (!control(socket, siocBridgeAddInterface, port) && errnoName() !== "EBUSY") {
      throw refusal(name, errnoName()); // EBUSY: it is a port already
    }
    must(control(socket, siocGetFlags, request), name);
    request.writeInt16LE(request.readInt16LE(nameBytes) | iffUp, nameBytes);
    must(control(socket, siocSetFlags, request), name);
  } finally {
    closeSync(socket);
  }
}

function interfaceRequest(name: string): Buffer {
  if (name.length === 0 || name.length >= nameBytes) throw new Error(`no interface can be called ${name}`);
  const request = Buffer.alloc(requestBytes);
  request.write(name, "latin1");
  return request;
}

function control(fd: number, command: number, request: Buffer): boolean {
  return (
    libc().load("int ioctl(int fd, ulong command, _Inout_ uint8_t *request)")(fd, command, request) === 0
  );
}

function must(isDone: boolean, name: string): void {
  if (!isDone) throw refusal(name, errnoName());
}

function refusal(name: string, errno: string): Fault {
  return new Fault("linux.refused", `The kernel refused the network interface ${name} (${errno}).`, {
    details: { name, errno },
  });
}
