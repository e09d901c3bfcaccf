import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server } from "node:net";
import test from "node:test";
import { findJail, type Jail } from "../../packages/hypervisor/src/jail/jail.ts";
import type { VmDriver } from "../../packages/hypervisor/src/vm-driver.ts";
import { DriverFixture, eventually, patience } from "../../packages/hypervisor/tests/fixture.ts";
import { bootTiny, shell } from "./tiny-vm.ts";

const { jail } = await findJail(patience());
/** As a host has it that is run by root; only there nothing at all can be reached. */
const user = process.getuid?.() === 0 ? { uid: 1_999_999_003, gid: 1_999_999_003 } : {};
const skip = jail?.passt === undefined && "needs bubblewrap, passt and a route to somewhere";

/** A service that is only for this host: counts who reaches it, by TCP and by UDP. */
class LoopbackService implements AsyncDisposable {
  visitors = 0;
  readonly #tcp: Server = createServer((socket) => {
    this.visitors++;
    socket.on("error", () => {});
    socket.end("HTTP/1.0 200 OK\r\n\r\nsecret\n");
  });
  readonly #udp = createSocket("udp4", () => void this.visitors++);

  async open(): Promise<number> {
    this.#tcp.listen(0, "127.0.0.1");
    await once(this.#tcp, "listening");
    const { port } = this.#tcp.address() as AddressInfo;
    this.#udp.bind(port, "127.0.0.1");
    await once(this.#udp, "listening");
    return port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#udp.close();
    this.#tcp.close();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

async function read(port: number): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port });
  let text = "";
  socket.write("hello\n"); // the passt of Debian 12 lets no guest speak before its visitor
  socket.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  await new Promise((resolve) => socket.once("close", resolve).once("error", resolve));
  return text;
}

async function boot(world: DriverFixture, hostPort: number): Promise<VmDriver> {
  const forwards = [{ protocol: "tcp" as const, hostPort, guestPort: 8080 }];
  const nics = [
    { name: "net0", model: "virtio", mac: "52:54:00:12:34:56", network: "user", forwards },
  ] as const;
  const driver = await bootTiny(world, { nics: nics.map((nic) => ({ ...nic, forwards })) });
  await world.until("an address", ({ addresses }) => addresses.includes("10.0.2.15"));
  return driver;
}

const tries = (port: number): string =>
  [
    `echo x | timeout 4 nc -w 3 10.0.2.2 ${port}`,
    `echo x | timeout 4 nc -u -w 2 10.0.2.2 ${port}`,
    // A guest's own rules about 127.0.0.1 are the guest's to change.
    "echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet",
    "ip route del local 127.0.0.0/8 dev lo table local; ip route del local 127.0.0.1 dev lo table local",
    "ip address del 127.0.0.1/8 dev lo; ip route add 127.0.0.0/8 via 10.0.2.2",
    `echo x | timeout 4 nc -w 3 127.0.0.1 ${port}`,
    `echo x | timeout 4 nc -u -w 2 127.0.0.1 ${port}`,
    `echo x | timeout 4 nc -w 3 127.1.2.3 ${port}`,
  ].join("\n");

test(
  "forwarded ports reach the guest, and the guest reaches nothing on the host's loopback",
  { skip },
  async () => {
    await using world = await DriverFixture.create(user);
    await using service = new LoopbackService();
    const port = await service.open();
    const hostPort = await freePort();
    const driver = await boot(world, hostPort);

    await shell(driver, "(while true; do echo hello from inside | nc -l -p 8080; done) >/dev/null 2>&1 &");
    const heard = await eventually("the guest's word", async () => (await read(hostPort)) || undefined);
    assert.equal(heard, "hello from inside\n");
    const said = await shell(driver, `${tries(port)} 2>&1; ip route get 127.0.0.1 2>&1`);

    assert.equal(service.visitors, 0, said);
    assert.match(said, /127\.0\.0\.1 via 10\.0\.2\.2/, "the guest did send them out");
  },
);

test("the same guest without passt shows that the attempts are real", { skip }, async () => {
  const { passt: _none, ...bare } = jail as Jail;
  await using world = await DriverFixture.create({ jail: bare });
  await using service = new LoopbackService();
  const port = await service.open();
  const driver = await boot(world, await freePort());

  await shell(driver, tries(port));

  assert.ok(service.visitors > 0);
});

test("a forward of a port that is taken fails the launch and leaves nothing", { skip }, async () => {
  await using world = await DriverFixture.create();
  await using service = new LoopbackService();
  const port = await service.open();

  await assert.rejects(boot(world, port), /is taken/);

  assert.equal((await world.open()).sighting().state, "absent");
});
