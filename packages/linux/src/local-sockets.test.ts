import assert from "node:assert/strict";
import { once } from "node:events";
import { closeSync, mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { libc } from "./libc.ts";
import { peerCredentials, socketDescriptor } from "./peer-credentials.ts";
import { sdNotify } from "./sd-notify.ts";

const folder = mkdtempSync(path.join(tmpdir(), "serai-socket-"));
after(() => rmSync(folder, { recursive: true }));

test("the kernel tells who is at the other end of a local socket", async () => {
  const server = net.createServer();
  server.listen(path.join(folder, "peer"));
  await once(server, "listening");
  const client = net.connect(path.join(folder, "peer"));
  const [socket] = (await once(server, "connection")) as [net.Socket];

  const fd = socketDescriptor(socket);
  assert.ok(fd !== undefined);
  assert.deepEqual(peerCredentials(fd), {
    pid: process.pid,
    uid: process.getuid?.(),
    gid: process.getgid?.(),
  });

  client.destroy();
  socket.destroy();
  assert.equal(socketDescriptor(socket), undefined);
  server.close();
});

test("a descriptor that is no socket is refused in words", () => {
  assert.throws(() => peerCredentials(9_999), { code: "linux.refused", message: /EBADF/ });
});

/** A datagram socket bound to an address, as a service manager has one. Node has none. */
function bindDatagramSocket(address: Buffer): { receive: () => string; fd: number } {
  const { load } = libc();
  const fd = load("int socket(int domain, int type, int protocol)")(1, 2, 0);
  const size = 2 + address.length;
  const bound = load("int bind(int fd, const uint8_t *address, uint32_t size)")(
    fd,
    Buffer.concat([Buffer.of(1, 0), address]),
    size,
  );
  assert.equal(bound, 0);
  const receive = () => {
    const buffer = Buffer.alloc(1024);
    const size = load("int64_t recv(int fd, _Out_ uint8_t *buffer, size_t size, int flags)")(
      fd,
      buffer,
      buffer.length,
      0x40,
    );
    return buffer.subarray(0, Math.max(0, size)).toString();
  };
  return { receive, fd };
}

for (const kind of ["path", "abstract"] as const) {
  test(`the service manager hears of us on a socket with ${kind} address`, () => {
    const name = kind === "path" ? path.join(folder, "notify") : `@serai-test-${process.pid}`;
    const manager = bindDatagramSocket(Buffer.from(kind === "path" ? name : name.replace("@", "\0")));

    assert.equal(sdNotify({ READY: "1", STATUS: "3 VMs" }, name), true);

    assert.equal(manager.receive(), "READY=1\nSTATUS=3 VMs\n");
    closeSync(manager.fd);
  });
}

test("without a service manager nothing is told, and one that is gone is an error", () => {
  assert.equal(sdNotify({ READY: "1" }, undefined), false);
  assert.throws(() => sdNotify({ READY: "1" }, path.join(folder, "nobody")), /ENOENT/);
});
